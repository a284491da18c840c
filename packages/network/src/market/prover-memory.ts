/** Of the bytes that proving may take, those of the kernels; the rest is for decoded slice packages. */
export const kernelBytes = (maxMemoryBytes: number): number => maxMemoryBytes - Math.floor(maxMemoryBytes / 4);
