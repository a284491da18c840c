/** The signed messages of the network. */
export * from './sign.js';
export * from './typed-data.js';
