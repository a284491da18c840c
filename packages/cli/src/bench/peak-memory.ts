/** The most memory that this process has had resident, with all its threads. */
export const peakRssBytes = (): number => process.resourceUsage().maxRSS * 1024;
