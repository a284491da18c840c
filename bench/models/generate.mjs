/**
 * Writes a benchmark model, and an input for it, after `npm run build`:
 *
 *   node bench/models/generate.mjs                            the models there are
 *   node bench/models/generate.mjs resnet18 -o resnet18.onnx  the model
 *     [-i input.json]                                         an input, {"input_data": [[…]]}
 *     [--index n]                                             another input (default 0)
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { benchInput, generateModel, isBenchModel, listModels } from '../../packages/cli/dist/bench-models/catalogue.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    output: { type: 'string', short: 'o' },
    input: { type: 'string', short: 'i' },
    index: { type: 'string', default: '0' },
  },
});
const [name] = positionals;
const index = Number(values.index);

if (name === undefined) {
  for (const m of listModels()) {
    console.log(`${m.name.padEnd(18)}${m.parameters.toLocaleString('en').padStart(12)}  ${m.about}`);
  }
} else if (!isBenchModel(name) || positionals.length > 1 || !(values.output || values.input)) {
  console.error(`usage: node bench/models/generate.mjs <name> [-o model.onnx] [-i input.json] [--index n]`);
  console.error(
    `names: ${listModels()
      .map((m) => m.name)
      .join(', ')}`,
  );
  process.exitCode = 2;
} else if (!Number.isInteger(index) || index < 0) {
  console.error('--index takes a whole number');
  process.exitCode = 2;
} else {
  if (values.output) {
    const model = generateModel(name);
    writeFileSync(values.output, model.bytes);
    console.log(`${values.output}: ${model.parameters} parameters, ${model.bytes.length} bytes`);
  }
  if (values.input) {
    const { data } = benchInput(name, index);
    writeFileSync(values.input, `${JSON.stringify({ input_data: [Array.from(data)] })}\n`);
    console.log(`${values.input}: ${data.length} numbers`);
  }
}
