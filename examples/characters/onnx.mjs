/** The network as an ONNX graph of standard operators, opset 17, and back. */

/** Added to the scores of later characters: e^-64 is nothing in single precision, and the range of the scores stays small. */
const MASKED = -64;

/** `characters` [1, window, vocabulary], rows of zeros and a one → `logits` [1, window, vocabulary]. */
export function graphOf(net, shape) {
  const { vocabulary, window, width, heads, blocks, hidden } = shape;
  const depth = width / heads;
  const nodes = [];
  const initializers = new Map();
  const constant = (name, dims, data, dtype = 'float32') => {
    initializers.set(name, { dtype, dims, data: Float64Array.from(data) });
    return name;
  };
  const weight = (name, ...dims) => constant(name, dims, net[name]);
  const node = (op, output, inputs, attributes = {}) => {
    nodes.push({ name: output, op, domain: '', inputs, outputs: [output], attributes });
    return output;
  };
  const linear = (name, x, inputs, outputs, y = name) => {
    const product = node('MatMul', `${name}.product`, [x, weight(`${name}.weight`, inputs, outputs)]);
    return node('Add', y, [product, weight(`${name}.bias`, outputs)]);
  };
  const normalise = (name, x) => {
    const inputs = [x, weight(`${name}.gain`, width), weight(`${name}.bias`, width)];
    return node('LayerNormalization', name, inputs, { axis: -1, 'float:epsilon': Math.fround(1e-5) });
  };
  const attend = (at, x) => {
    const head = (part, perm) => {
      const split = node('Reshape', `${at}.${part}.split`, [linear(`${at}.${part}`, x, width, width), 'heads']);
      return node('Transpose', `${at}.${part}.heads`, [split], { perm });
    };
    const [query, value] = [head('query', [0, 2, 1, 3]), head('value', [0, 2, 1, 3])];
    const product = node('MatMul', `${at}.product`, [query, head('key', [0, 2, 3, 1])]);
    const scores = node('Mul', `${at}.scores`, [product, 'scale']);
    const masked = node('Add', `${at}.masked`, [scores, 'mask']);
    const weights = node('Softmax', `${at}.weights`, [masked], { axis: -1 });
    const mixed = node('MatMul', `${at}.mixed`, [weights, value]);
    const back = node('Transpose', `${at}.back`, [mixed], { perm: [0, 2, 1, 3] });
    return linear(`${at}.output`, node('Reshape', `${at}.joined`, [back, 'joined']), width, width);
  };
  const later = (i) => i % window > Math.floor(i / window);
  constant('scale', [], [Math.fround(1 / Math.sqrt(depth))]);
  constant('heads', [4], [1, window, heads, depth], 'int64');
  constant('joined', [3], [1, window, width], 'int64');
  const mask = Array.from({ length: window * window }, (_, i) => (later(i) ? MASKED : 0));
  constant('mask', [1, 1, window, window], mask);
  const embedded = node('MatMul', 'embedded', ['characters', weight('tokens', vocabulary, width)]);
  let x = node('Add', 'placed', [embedded, weight('positions', window, width)]);
  for (let k = 0; k < blocks; k++) {
    const at = `block${k}`;
    x = node('Add', `${at}.middle`, [attend(at, normalise(`${at}.norm1`, x)), x]);
    const wide = node('Relu', `${at}.relu`, [linear(`${at}.expand`, normalise(`${at}.norm2`, x), width, hidden)]);
    x = node('Add', at, [linear(`${at}.reduce`, wide, hidden, width), x]);
  }
  linear('head', normalise('norm', x), width, vocabulary, 'logits');
  const info = { dtype: 'float32', dims: [1, window, vocabulary] };
  return {
    name: 'characters',
    opset: 17,
    inputs: ['characters'],
    outputs: ['logits'],
    nodes,
    initializers,
    tensors: new Map([
      ['characters', info],
      ['logits', info],
    ]),
  };
}

/** The trained tensors of such a graph. */
export function networkOf({ initializers }) {
  const fixed = new Set(['scale', 'heads', 'joined', 'mask']);
  return Object.fromEntries([...initializers].flatMap(([name, t]) => (fixed.has(name) ? [] : [[name, t.data]])));
}
