/** A node in the network namespace of the process whose id is the first argument; what its starter tells it, it is told. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const DSPERSE = fileURLToPath(new URL('../../../packages/cli/bin/dsperse.js', import.meta.url));
const [pid, ...words] = process.argv.slice(2);
const node = spawn(
  'nsenter',
  ['--target', pid, '--net', process.execPath, ...process.execArgv, DSPERSE, 'node', ...words],
  { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
);
node.on('message', (message) => process.connected && process.send(message));
node.on('error', (error) => {
  console.error(`error ${error.message}`);
  process.exit(1);
});
node.on('exit', (code) => process.exit(code ?? 1));
process.on('disconnect', () => node.connected && node.disconnect());
process.on('SIGTERM', () => node.kill('SIGTERM'));
