import { Arena } from '../arena.js';
import type { Kernels } from '../kernels.js';
import { WASM_BASE64 } from '../wasm.generated.js';
import { wasmKernels } from './kernels.js';
import { ARENA_BASE, MAX_THREADS } from './layout.js';
import { canShareMemory, coreCount, type WasmMemory, type WasmModule, webAssembly } from './platform.js';
import { Pool } from './pool.js';

const PAGE = 65536;
/** All that wasm32 can address. */
const MAX_PAGES = 65536;

let compiled: Promise<WasmModule> | undefined;

/** The module, compiled once; undefined where there is no WebAssembly with SIMD and atomics. */
function moduleOnce(): Promise<WasmModule> | undefined {
  if (!webAssembly) return undefined;
  if (!compiled) {
    const bytes = Uint8Array.from(atob(WASM_BASE64), (c) => c.charCodeAt(0));
    if (!webAssembly.validate(bytes)) return undefined;
    compiled = webAssembly.compile(bytes);
  }
  return compiled;
}

/** A memory that may grow to `pages`, or to half of that where so much address space is not to be had, and so on. */
function reserve(pages: number): WasmMemory | undefined {
  const initial = ARENA_BASE / PAGE + 1;
  for (let maximum = pages; webAssembly && maximum >= initial; maximum = Math.floor(maximum / 2)) {
    try {
      return new webAssembly.Memory({ initial, maximum, shared: true });
    } catch {
      // Tried again with less.
    }
  }
  return undefined;
}

/**
 * @param threads the calling one among them; by default one for each core; at most eight
 * @param maxMemoryBytes limit of what alloc gives out at once
 * @returns undefined where the platform lacks what it takes
 */
export async function createWasmKernels(threads?: number, maxMemoryBytes?: number): Promise<Kernels | undefined> {
  const module = await moduleOnce();
  const pages = Math.min(MAX_PAGES, Math.ceil((ARENA_BASE + (maxMemoryBytes ?? MAX_PAGES * PAGE)) / PAGE));
  const memory = reserve(pages);
  if (!webAssembly || !module || !memory) return undefined;
  const { exports } = await webAssembly.instantiate(module, { env: { memory } });
  const limit = Math.min(MAX_PAGES * PAGE, ARENA_BASE + (maxMemoryBytes ?? Number.POSITIVE_INFINITY));
  const arena = new Arena(
    {
      get buffer() {
        return memory.buffer;
      },
      grow(bytes) {
        if (bytes > limit) return false;
        const have = memory.buffer.byteLength;
        // At least a quarter more, so that many small allocations ask seldom.
        for (const wanted of [Math.min(limit, Math.max(bytes, 1.25 * have)), bytes]) {
          try {
            memory.grow(Math.ceil((wanted - have) / PAGE));
            return true;
          } catch {
            // The exact number may do.
          }
        }
        return false;
      },
      clear: (ptr, bytes) => exports.clear(ptr, bytes),
    },
    ARENA_BASE,
  );
  const pool = new Pool(exports, memory);
  const wanted = canShareMemory ? Math.min(MAX_THREADS, Math.max(1, threads ?? (await coreCount()))) : 1;
  if (wanted > 1) await pool.start(wanted - 1, module, memory);
  return wasmKernels(exports, arena, pool);
}
