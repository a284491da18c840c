/** Why operators that are known to ONNX have no proof here: what they do is no fixed circuit over integers, or no fair one. */
import type { GraphNode } from './graph.js';

const COUNT = 'how many results it gives depends on the numbers of its input';
const RANDOM = 'it draws random numbers, so its result does not follow from its input';
const STRINGS = 'it works on strings';
const TRAINING = 'it belongs to training';
const SCHEDULE =
  'it is a preview that carries graphs of its own: export attention written out, or as the operator Attention';

const REASONS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    'NonMaxSuppression Unique': COUNT,
    'Bernoulli Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike': RANDOM,
    'StringConcat StringNormalizer StringSplit RegexFullMatch Tokenizer CategoryMapper DictVectorizer': STRINGS,
    TfIdfVectorizer: 'it counts sequences of tokens of every length and distance: count them before the model',
    'Adagrad Adam Momentum Gradient GraphCall': TRAINING,
    ImageDecoder: 'it reads image files: decode them before the model',
    BitCast: 'it reads the bits of floating-point numbers, which are no part of an integer program',
    DeformConv:
      'it reads between cells at computed positions: each of them would be compared with every cell of the image',
    LinearAttention:
      'its state is updated once for each token, in this operator out of sight: export it as Scan or Loop over the tokens',
    FlexAttention: SCHEDULE,
  }).flatMap(([ops, reason]) => ops.split(' ').map((op) => [op, reason] as const)),
);

/** The reason for which an operator is not supported, where one is known. */
export const reasonAgainst = ({ op }: Pick<GraphNode, 'op'>): string | undefined => REASONS.get(op);
