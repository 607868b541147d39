// What the tests in the browser share: a list of tests, a node that answers as told, and a report to the test that started the browser.
const post = window.fetch.bind(window);
const tests = [];

export function test(name, f) { tests.push([name, f]); }

export function equal(got, want, what = '') {
  const [g, w] = [JSON.stringify(got), JSON.stringify(want)];
  if (g !== w) throw new Error(`${what}: got ${g}, want ${w}`);
}

export const frame = () => new Promise(requestAnimationFrame);

/** until waits, frame by frame, for what is sure to come. */
export async function until(holds) {
  for (let v; ; await frame()) if ((v = await holds())) return v;
}

export const reply = (body, status = 200) => new Response(JSON.stringify(body), { status });

/** later is a promise that is kept from outside. */
export function later() {
  const out = {};
  out.promise = new Promise((resolve, reject) => Object.assign(out, { resolve, reject }));
  return out;
}

/** run tells what each test came to, and that there are no more. */
export async function run() {
  for (const [name, f] of tests) {
    let error = '';
    try { await Promise.race([f(), bound()]); } catch (e) { error = String(e?.stack || e); }
    await report({ name, error });
  }
  await report({ end: true });
}

// Counted in frames: a machine that has no time for the browser draws none.
async function bound() {
  for (let i = 0; i < 600; i++) await frame();
  throw new Error('what is waited for does not come');
}

const report = (verdict) => post('/report', { method: 'POST', body: JSON.stringify(verdict) });
