/** Between the benchmark and the process of simulated peers. */
export interface PeersRequest {
  /** Of the network: keys, network file. */
  readonly directory: string;
  readonly rpcUrl: string;
  readonly gatewayUrl: string;
  readonly names: readonly string[];
}

export type PeersReply = { readonly started: number } | { readonly failed: string };
