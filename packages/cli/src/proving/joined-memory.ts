/** What proving joined slices may take where nothing else is said: as much as most machines and browsers have. */
export const JOINED_BYTES = 3e9;
