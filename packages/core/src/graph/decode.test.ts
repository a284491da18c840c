import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildModel, floats, ints, type ModelSpec, node, wave } from '../../../../tests/models/build-model.js';
import { InputError } from '../base/errors.js';
import { semanticsOf } from '../layers/registry.js';
import { decodeOnnx } from './decode.js';
import type { Tensor } from './graph.js';
import { inspectModel } from './inspect.js';
import { fields, Writer } from './protobuf.js';
import { resolveGraph } from './resolve.js';
import { decodeTensor, type ExternalData, encodeTensorProto } from './tensor-proto.js';

const small: ModelSpec = {
  nodes: [
    node('Conv', ['x', 'w'], ['c'], { pads: [1, 1, 1, 1], strides: [1, 1] }),
    node('Relu', ['c'], ['y'], {}, 'last'),
  ],
  inputs: { x: ['batch', 1, 4, 4] },
  outputs: ['y'],
  initializers: { w: wave([2, 1, 3, 3]) },
};

/** The error that f throws, which must be an InputError with everything a caller needs. */
function inputError(f: () => unknown): InputError {
  try {
    f();
  } catch (e) {
    expect(e).toBeInstanceOf(InputError);
    const error = e as InputError;
    expect(error.code).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(error.message).not.toBe('');
    expect(error.hint).not.toBe('');
    return error;
  }
  throw new Error('nothing was thrown');
}

/** Runs f; only an InputError may come of it. */
function onlyInputErrors(f: () => unknown): void {
  try {
    f();
  } catch (e) {
    if (!(e instanceof InputError)) throw e;
  }
}

const resolve = (bytes: Uint8Array) => resolveGraph(decodeOnnx(bytes), { semantics: semanticsOf });

describe('broken files', () => {
  it('refuses a file that is cut off anywhere', () => {
    const bytes = buildModel(small);
    resolve(bytes);
    for (let n = 0; n < bytes.length; n++) inputError(() => decodeOnnx(bytes.subarray(0, n)));
  });

  it('meets random bytes with InputErrors only', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        inputError(() => decodeOnnx(bytes));
        onlyInputErrors(() => decodeTensor(bytes));
      }),
      { numRuns: 3000 },
    );
  });

  it('meets a model with changed bytes with InputErrors only', () => {
    const bytes = buildModel(small);
    const change = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const mutant = bytes.slice();
        for (const [at, value] of changes) mutant[at] = value;
        onlyInputErrors(() => resolve(mutant));
      }),
      { numRuns: 4000 },
    );
  });

  it('meets changed bytes of many operators with InputErrors only', () => {
    const bytes = buildModel({
      nodes: [
        node('Reshape', ['x', 'shape'], ['r']),
        node('Pad', ['r', 'pads'], ['p'], { mode: 'edge' }),
        node('ConvTranspose', ['p', 'w'], ['t'], { strides: [2, 2] }),
        node('MaxPool', ['t'], ['m'], { kernel_shape: [2, 2], pads: [0, 1, 0, 1], ceil_mode: 1 }),
        node('LRN', ['m'], ['l'], { size: 3 }),
        node('Concat', ['l', 'm'], ['c'], { axis: 1 }),
        node('ArgMax', ['c'], ['a'], { axis: -1 }),
        node('Gather', ['table', 'a'], ['g'], { axis: 0 }),
        node('ReduceMean', ['g'], ['s'], { axes: [1], keepdims: 0 }),
        node('Split', ['s'], ['y', 'z'], { axis: -1 }),
      ],
      inputs: { x: ['batch', 16] },
      outputs: ['y', 'z'],
      initializers: {
        shape: ints([0, 1, 4, -1]),
        pads: ints([0, 0, 1, 1, 0, 0, 0, 1]),
        w: wave([1, 2, 3, 3]),
        table: wave([9, 4]),
      },
      opset: 12,
    });
    expect(resolve(bytes).outputs).toEqual(['y', 'z']);
    const change = fc.tuple(fc.nat(bytes.length - 1), fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 127, 128, 255)));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
        const mutant = bytes.slice();
        for (const [at, value] of changes) mutant[at] = value;
        onlyInputErrors(() => resolve(mutant));
        onlyInputErrors(() => inspectModel(mutant, { semantics: semanticsOf }));
      }),
      { numRuns: 500 },
    );
  });

  it('compares a declared length with what is there before it allocates', () => {
    for (const length of [2 ** 31, 2 ** 40, 2 ** 53, -1]) {
      for (const field of [7, 8]) {
        const head = new Writer().varint(1, 8).varint(field, length).done();
        // The same bytes with the wire type of a length instead of a number.
        head[2] += 2;
        expect(inputError(() => decodeOnnx(head)).code).toBe('broken-onnx');
      }
    }
    const tensor = new Writer()
      .varint(1, 2 ** 31)
      .varint(2, 1)
      .bytes(9, new Uint8Array(4));
    expect(inputError(() => decodeTensor(tensor.done())).code).toBe('broken-onnx');
  });

  it('reads no numbers longer than 64 bits and no groups', () => {
    inputError(() => [...fields(Uint8Array.of(8, ...new Array(10).fill(255), 1))]);
    inputError(() => [...fields(Uint8Array.of(11))]);
    inputError(() => [...fields(Uint8Array.of(0, 0))]);
  });

  it('reads numbers of any size', () => {
    const values = [0, 1, 127, 128, 2 ** 28, 2 ** 49 - 1, 2 ** 49, 2 ** 53, -1, -(2 ** 53), -(2 ** 63)];
    for (const v of values) expect([...fields(new Writer().varint(1, v).done())][0].varint).toBe(v);
  });

  it('reads graphs within one another, up to a depth', () => {
    const within = (depth: number): Uint8Array => {
      let graph: Uint8Array = new Writer().text(2, 'inner').done();
      for (let k = 0; k < depth; k++) {
        const attribute = new Writer().text(1, 'body').bytes(6, graph).varint(20, 5);
        graph = new Writer().message(1, new Writer().text(2, 'o').text(4, 'If').message(5, attribute)).done();
      }
      return new Writer().bytes(7, graph).message(8, new Writer().varint(2, 13)).done();
    };
    const { graph: read } = decodeOnnx(within(3));
    expect(read.nodes[0].subgraphs?.body.nodes[0].subgraphs?.body.nodes[0].subgraphs?.body.nodes).toEqual([]);
    expect(inputError(() => decodeOnnx(within(500))).code).toBe('broken-onnx');
    // Raw nesting far deeper than any stack: the parts are read only where they mean something.
    const nested = Uint8Array.from({ length: 200_000 }, (_, i) => (i % 2 ? 0x7f : 0x3a));
    inputError(() => decodeOnnx(nested));
  });

  it('refuses too old operator sets, other files, and parts that it does not read', () => {
    expect(inputError(() => decodeOnnx(buildModel({ ...small, opset: 5 }))).code).toBe('unsupported-opset');
    expect(inputError(() => decodeOnnx(new TextEncoder().encode('{"format": "json"}'))).code).toBe('broken-onnx');
    const sparse = new Writer().message(7, new Writer().bytes(15, new Uint8Array(0)));
    expect(inputError(() => decodeOnnx(sparse.message(8, new Writer().varint(2, 13)).done())).code).toBe('broken-onnx');
  });

  it('reads sparse tensors, with flat positions or rows of coordinates', () => {
    const sparse = (indices: number[], dims: number[]): Writer => {
      const values = encodeTensorProto('s', floats([2], [3, -1]));
      const w = new Writer().message(1, values).message(2, encodeTensorProto('', ints(indices, dims)));
      return w.varint(3, 2).varint(3, 3);
    };
    const model = (w: Writer): Uint8Array =>
      new Writer().message(7, new Writer().message(15, w)).message(8, new Writer().varint(2, 13)).done();
    const dense = [0, 0, 3, 0, -1, 0];
    for (const w of [sparse([2, 4], [2]), sparse([0, 2, 1, 1], [2, 2])]) {
      const t = decodeOnnx(model(w)).graph.initializers.get('s');
      expect([t?.dims, [...(t?.data ?? [])]]).toEqual([[2, 3], dense]);
    }
    expect(inputError(() => decodeOnnx(model(sparse([2, 6], [2])))).code).toBe('broken-onnx');
    expect(inputError(() => decodeOnnx(model(sparse([2], [1])))).code).toBe('broken-onnx');
  });

  it('gives nodes of one name different ones, also when there are very many', () => {
    const nodes = Array.from({ length: 20_000 }, (_, i) =>
      node('Relu', [i ? `t${i}` : 'x'], [`t${i + 1}`], {}, 'same'),
    );
    const { graph } = decodeOnnx(buildModel({ nodes, inputs: { x: [1] }, outputs: ['t20000'] }));
    expect(new Set(graph.nodes.map((n) => n.name)).size).toBe(20_000);
    expect(
      resolveGraph({ graph, declared: new Map([['x', { dtype: 'float32', dims: [1] }]]) }, { semantics: semanticsOf })
        .nodes,
    ).toHaveLength(20_000);
  });

  it('keeps attribute names apart from what objects inherit', () => {
    const n = { ...node('Relu', ['x'], ['y']), attributes: { ['__proto__']: [1, 2], constructor: 3 } };
    const { graph } = decodeOnnx(buildModel({ nodes: [n], inputs: { x: [1] }, outputs: ['y'] }));
    expect(Object.getPrototypeOf(graph.nodes[0].attributes)).toBe(Object.prototype);
  });

  it('reads long attribute lists', () => {
    const list = new Array<number>(300_000).fill(1);
    const wide = { ...small, nodes: [node('Relu', ['x'], ['y'], { list, floats: { floats: list } })] };
    const { attributes } = decodeOnnx(buildModel(wide)).graph.nodes[0];
    expect(attributes.list).toHaveLength(300_000);
    expect(attributes.floats).toHaveLength(300_000);
  });
});

describe('encodings of numbers', () => {
  const head = (dtype: number, n: number) => new Writer().varint(1, n).varint(2, dtype);
  const raw = (...bytes: number[]) => Uint8Array.from(bytes);
  const data = (w: Writer) => [...decodeTensor(w.done()).data];
  const packed = (values: readonly number[]) => {
    const w = new Writer();
    for (const v of values) w.varint(1, v);
    // Without the keys, which are single bytes before every number.
    return Uint8Array.from([...fields(w.done())].flatMap((f) => varint(f.varint)));
  };
  const varint = (value: number) => [...new Writer().varint(1, value).done()].slice(1);
  const bits = (dtype: 'Float32' | 'Float64', values: readonly number[]) => {
    const width = dtype === 'Float32' ? 4 : 8;
    const view = new DataView(new ArrayBuffer(values.length * width));
    values.forEach((v, i) => {
      view[`set${dtype}`](i * width, v, true);
    });
    return new Uint8Array(view.buffer);
  };

  it('reads raw bytes of every format', () => {
    expect(data(head(1, 2).bytes(9, bits('Float32', [1.5, -0.25])))).toEqual([1.5, -0.25]);
    expect(data(head(11, 1).bytes(9, bits('Float64', [Math.PI])))).toEqual([Math.PI]);
    expect(data(head(2, 2).bytes(9, raw(1, 255)))).toEqual([1, 255]);
    expect(data(head(3, 2).bytes(9, raw(1, 255)))).toEqual([1, -1]);
    expect(data(head(4, 1).bytes(9, raw(0, 255)))).toEqual([0xff00]);
    expect(data(head(5, 1).bytes(9, raw(0, 255)))).toEqual([-256]);
    expect(data(head(6, 1).bytes(9, raw(255, 255, 255, 255)))).toEqual([-1]);
    expect(data(head(12, 1).bytes(9, raw(255, 255, 255, 255)))).toEqual([2 ** 32 - 1]);
    expect(data(head(7, 1).bytes(9, raw(...new Array(8).fill(255))))).toEqual([-1]);
    expect(data(head(13, 1).bytes(9, raw(...new Array(8).fill(255))))).toEqual([2 ** 64]);
    expect(data(head(9, 2).bytes(9, raw(0, 1)))).toEqual([0, 1]);
    // 1.5, the least subnormal, -2, infinity
    expect(data(head(10, 4).bytes(9, raw(0, 0x3e, 1, 0, 0, 0xc0, 0, 0x7c)))).toEqual([
      1.5,
      2 ** -24,
      -2,
      Number.POSITIVE_INFINITY,
    ]);
    expect(data(head(16, 2).bytes(9, raw(0xc0, 0x3f, 0x00, 0xc0)))).toEqual([1.5, -2]);
  });

  it('reads raw bytes that are not aligned', () => {
    const bytes = head(11, 1)
      .bytes(9, bits('Float64', [0.1]))
      .done();
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    expect([...decodeTensor(shifted.subarray(3)).data]).toEqual([0.1]);
  });

  it('reads typed fields, packed and one by one', () => {
    expect(data(head(1, 2).bytes(4, bits('Float32', [1.5, 2])))).toEqual([1.5, 2]);
    expect(data(head(1, 2).float(4, 1.5).float(4, 2))).toEqual([1.5, 2]);
    expect(data(head(11, 2).bytes(10, bits('Float64', [0.1, 2])))).toEqual([0.1, 2]);
    expect(data(head(7, 3).bytes(7, packed([5, -1, 2 ** 50])))).toEqual([5, -1, 2 ** 50]);
    expect(data(head(7, 2).varint(7, 5).varint(7, -1))).toEqual([5, -1]);
    for (const dtype of [2, 3, 4, 5, 6, 9]) expect(data(head(dtype, 2).bytes(5, packed([1, 0])))).toEqual([1, 0]);
    expect(data(head(10, 1).bytes(5, packed([0x3e00])))).toEqual([1.5]);
    expect(data(head(16, 1).bytes(5, packed([0x3fc0])))).toEqual([1.5]);
    expect(data(head(12, 1).bytes(11, packed([7])))).toEqual([7]);
    expect(data(head(13, 1).bytes(11, packed([-1])))).toEqual([2 ** 64]);
  });

  it('refuses numbers that do not fit the shape, and shapes that do not exist', () => {
    const code = (w: Writer) => inputError(() => decodeTensor(w.done())).code;
    expect(code(head(1, 3).bytes(4, bits('Float32', [1])))).toBe('broken-onnx');
    expect(code(head(1, 1).bytes(9, raw(1, 2, 3)))).toBe('broken-onnx');
    expect(code(head(1, 1))).toBe('broken-onnx');
    expect(code(head(1, 1).bytes(7, packed([1])))).toBe('broken-onnx');
    expect(code(head(1, -1))).toBe('bad-shape');
    expect(code(head(1, 2 ** 40).varint(1, 2 ** 40))).toBe('bad-shape');
    expect(code(new Writer().bytes(1, packed(new Array(100_000).fill(1))))).toBe('bad-shape');
    expect(code(head(8, 1).text(6, 'word'))).toBe('unsupported-dtype');
    expect(code(head(14, 1))).toBe('unsupported-dtype');
  });
});

describe('external data', () => {
  const stored = (entries: Readonly<Record<string, string>>): ModelSpec => {
    const w = new Writer().varint(1, 2).varint(2, 1).text(8, 'w');
    for (const [key, value] of Object.entries(entries)) w.message(13, new Writer().text(1, key).text(2, value));
    return {
      nodes: [node('Mul', ['x', 'w'], ['y'])],
      inputs: { x: [2] },
      outputs: ['y'],
      initializers: { w: w.varint(14, 1) },
    };
  };
  const weights = (entries: Readonly<Record<string, string>>, externalData?: ExternalData): Tensor | undefined =>
    decodeOnnx(buildModel(stored(entries)), { externalData }).graph.initializers.get('w');
  const file = new Uint8Array(Float32Array.of(9, 1.5, -2, 9).buffer);

  it('reads at offset and length', () => {
    const asked: string[] = [];
    const t = weights({ location: 'sub/w.bin', offset: '4', length: '8' }, (location) => {
      asked.push(location);
      return file;
    });
    expect([...(t as Tensor).data]).toEqual([1.5, -2]);
    expect(asked).toEqual(['sub/w.bin']);
    expect([...(weights({ location: 'w..bin' }, () => file) as Tensor).data]).toEqual([9, 1.5]);
  });

  it('refuses what is not there', () => {
    const code = (entries: Readonly<Record<string, string>>, external?: ExternalData) =>
      inputError(() => weights(entries, external)).code;
    expect(code({ location: 'w.bin' })).toBe('missing-external-data');
    const entries: Record<string, string>[] = [
      { offset: '12' },
      { offset: '-4' },
      { offset: '1.5' },
      { offset: 'x' },
      { length: '4' },
      { offset: '1e300' },
    ];
    for (const entry of entries)
      expect(code({ location: 'w.bin', ...entry }, () => file)).toBe('missing-external-data');
    const failure = new Error('ENOENT');
    const error = inputError(() =>
      weights({ location: 'w.bin' }, () => {
        throw failure;
      }),
    );
    expect([error.code, error.cause]).toEqual(['missing-external-data', failure]);
  });

  it('refuses paths that leave the model’s directory, without asking for them', () => {
    const unsafe = [
      '',
      '/etc/passwd',
      '../w.bin',
      'a/../../w.bin',
      'a/..',
      '..',
      'C:\\w',
      'c:w',
      '..\\w',
      '\\\\host\\w',
      'a\0b',
    ];
    for (const location of unsafe) {
      const error = inputError(() =>
        weights({ location }, () => {
          throw new Error(`asked for ${location}`);
        }),
      );
      expect(error.code).toBe('unsafe-path');
    }
  });
});

describe('what the file says of tensors', () => {
  it('keeps names of open dimensions, and tells an unknown rank from a scalar', () => {
    const { declared } = decodeOnnx(buildModel({ ...small, inputs: { x: ['n', 1, 4, ''], s: [], u: undefined } }));
    expect(declared.get('x')).toEqual({ dtype: 'float32', dims: ['n', 1, 4, ''] });
    expect(declared.get('s')).toEqual({ dtype: 'float32', dims: [] });
    expect(declared.get('u')).toEqual({ dtype: 'float32', dims: [], unknownRank: true });
  });

  it('does not take initialisers for inputs', () => {
    const listed = { ...small, inputs: { x: ['batch', 1, 4, 4], w: [2, 1, 3, 3] } };
    expect(decodeOnnx(buildModel(listed)).graph.inputs).toEqual(['x']);
  });

  it('refuses an initialiser of a name that another has', () => {
    const twice = new Writer().varint(1, 1).varint(2, 1).text(8, 'w').float(4, 1);
    const model = { ...small, initializers: { w: floats([1], [1]), v: twice } };
    expect(inputError(() => decodeOnnx(buildModel(model))).message).toContain('w');
  });
});
