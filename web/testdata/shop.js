import { test, equal, until, reply, later } from '/testdata/harness.js';

const products = { a: { title: 'Apple' }, b: { title: 'Bowl' } };
let waits = {}, broken = false;
const sent = [];

async function answer({ pathname }, init) {
  if (pathname === '/config.json') return reply({ name: 'Test', nodes: [{ name: 'edge-1', url: location.origin }], countries: [], categories: [], visitors: [] });
  if (pathname === '/products') return reply({ total: 2, items: Object.entries(products).map(([id, p]) => ({ id, ...p })) });
  const id = pathname.match(/^\/products\/(.*)/)?.[1];
  if (id) return broken ? reply({}, 500) : (waits[id]?.promise || reply({ ...products[id], description: `All of ${id}` }));
  if (pathname === '/v1/events') init.body.text().then((t) => sent.push(...JSON.parse(t)));
  if (pathname === '/v1/recommend') await waits.row?.promise;
  const met = pathname === '/v1/recommend' ? JSON.parse(init.body).recent.map((r) => r.item) : [];
  return reply({ items: Object.entries(products).filter(([id]) => !met.includes(id)).map(([id, fields]) => ({ id, fields })) });
}

window.storefrontFetch = async (url, init) => answer(new URL(url, location.origin), init);

/** shop is the storefront in a frame of its own. */
async function shop() {
  sessionStorage.clear();
  sent.length = 0;
  [waits, broken] = [{}, false];
  document.querySelector('iframe')?.remove();
  const frame = document.createElement('iframe');
  frame.src = '/storefront.html';
  document.body.append(frame);
  const $ = (id) => frame.contentDocument?.getElementById(id);
  await until(() => $('grid')?.children.length === 2);
  return { $, pick: (i) => $('grid').children[i].querySelector('button').click(), views: () => sent.filter((e) => e.type === 'view').map((e) => e.item) };
}

test('the product opened last is shown, however long others take', async () => {
  const { $, pick, views } = await shop();
  waits.a = later();
  pick(0);
  pick(1);
  await until(() => views().length);
  waits.a.resolve(reply({ title: 'Apple' }));
  pick(1);
  await until(() => views().length === 2);
  equal([$('product-title').textContent, views()], ['Bowl', ['b', 'b']]);
});

test('a sheet that was closed stays closed', async () => {
  const { $, pick, views } = await shop();
  pick(1);
  await until(() => views().length);
  waits.a = later();
  pick(0);
  const closed = new Promise((resolve) => $('product').addEventListener('close', resolve));
  $('product').close();
  await closed;
  waits.a.resolve(reply({ title: 'Apple' }));
  await until(() => $('trail').textContent.includes('Apple'));
  equal([$('product').open, views()], [false, ['b']]);
});

test('a like counts once, and is that of its product', async () => {
  const { $, pick } = await shop();
  const likes = () => sent.filter((e) => e.type === 'like').map((e) => e.item);
  pick(0);
  await until(() => $('product').open);
  $('like').click();
  $('like').click();
  equal($('like').textContent, '♥ Liked', 'a');
  equal($('picked').recent[0], { item: 'a', type: 'like' }, 'history');
  pick(1);
  await until(() => $('product-title').textContent === 'Bowl');
  equal($('like').textContent, '♡ Like', 'b');
  pick(0);
  await until(() => $('product-title').textContent === 'Apple');
  equal([$('like').textContent, likes()], ['♥ Liked', ['a']], 'a again');
});

test('a product that could not be read is asked for again', async () => {
  const { $, pick } = await shop();
  broken = true;
  pick(0);
  await until(() => $('product').open);
  equal([$('product-title').textContent, $('product-text').textContent], ['Apple', ''], 'meanwhile');
  broken = false;
  pick(0);
  await until(() => $('product-text').textContent === 'All of a');
});

test('focus is back in the row when the sheet closes, though its card has left', async () => {
  const { $ } = await shop(), row = $('picked'), card = () => row.shadowRoot.querySelector('.card');
  await until(() => row.answer?.items.length === 2);
  waits.row = later();
  card().focus();
  card().click();
  await until(() => $('product').open);
  $('product').querySelector('.close').focus();
  waits.row.resolve();
  await until(() => row.answer.items.length === 1);
  $('product').querySelector('.close').click();
  await until(() => row.ownerDocument.activeElement === row && row.shadowRoot.activeElement === card());
  equal(card().querySelector('.title').textContent, 'Bowl');
});
