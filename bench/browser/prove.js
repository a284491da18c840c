/** Starts the worker that compiles, proves and verifies, shows what it says, and hands it to the server. */
const query = new URLSearchParams(location.search);
const worker = new Worker('prove-worker.js', { type: 'module' });

async function finish(result) {
  document.getElementById('out').textContent = JSON.stringify(result, null, 2);
  await fetch('/result', { method: 'POST', body: JSON.stringify(result) });
}

worker.onmessage = ({ data }) => finish(data);
worker.onerror = (event) => finish({ error: `the worker failed: ${event.message ?? 'it could not be loaded'}` });
worker.postMessage({
  runs: Number(query.get('runs') ?? 3),
  threads: Number(query.get('threads')) || undefined,
  joinedBytes: Number(query.get('joined')),
  budgetMs: Number(query.get('budget') ?? 30_000),
  isolated: crossOriginIsolated,
});
