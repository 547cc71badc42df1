'use strict';
// Asks /status.json once a second and shows it. What comes from ComfyUI (ids, errors, file names) may be an attacker's:
// it goes into the page as text, never as HTML, and only http and https become links.

const at = (id) => document.getElementById(id);

function make(tag, classes, ...children) {
  const element = document.createElement(tag);
  if (classes) element.className = classes;
  for (const child of children) {
    if (child !== null && child !== undefined && child !== '') element.append(child);
  }
  return element;
}

function link(text, url) {
  if (!/^https?:\/\//i.test(url)) return make('span', '', text);
  const element = make('a', '', text);
  element.href = url;
  element.target = '_blank';
  element.rel = 'noopener noreferrer';
  return element;
}

function span(seconds) {
  if (seconds < 60) return Math.max(1, Math.round(seconds)) + ' s';
  if (seconds < 3600) return Math.floor(seconds / 60) + ' min' + (seconds < 600 ? ' ' + Math.floor(seconds % 60) + ' s' : '');
  if (seconds < 86400) return Math.floor(seconds / 3600) + ' h ' + Math.floor((seconds % 3600) / 60) + ' min';
  return Math.floor(seconds / 86400) + ' d';
}

function ago(now, time) {
  const seconds = (now - time) / 1000;
  return seconds < 1.5 ? 'just now' : span(seconds) + ' ago';
}

function left(now, job) {
  if (job.end_expected === undefined) return '';
  const seconds = (job.end_expected - now) / 1000;
  if (seconds < 1) return 'any moment now';
  const early = Math.max(0, (job.end_earliest - now) / 1000);
  const late = Math.max(0, (job.end_latest - now) / 1000);
  const wide = late - early > 0.25 * seconds && late - early > 4;
  return 'about ' + span(seconds) + ' left' + (wide ? ' (' + span(early) + ' to ' + span(late) + ')' : '');
}

const count = (n, one, many) => n + ' ' + (n === 1 ? one : many);

// ---- lists whose items stay the same elements while their jobs do, so that bars move instead of jumping

function fill(list, items, key, create, update, none) {
  const old = new Map();
  for (const child of [...list.children]) {
    if (child.dataset.key === undefined) child.remove();
    else old.set(child.dataset.key, child);
  }
  let place = null;
  for (const item of items) {
    const name = key(item);
    let element = old.get(name);
    old.delete(name);
    if (!element) {
      element = create(item);
      element.dataset.key = name;
    }
    update(element, item);
    const next = place === null ? list.firstElementChild : place.nextElementSibling;
    if (next !== element) list.insertBefore(element, next);
    place = element;
  }
  for (const gone of old.values()) gone.remove();
  if (items.length === 0 && none) list.append(make('li', 'none', none));
}

const jobKey = (job) => JSON.stringify([job.backend, job.id, job.end]);

function showBackend(element, backend, now) {
  const state = !backend.reachable ? 'not reachable'
    : backend.live ? 'live' : 'reachable, but its live events are not heard';
  const dot = make('span', 'dot' + (backend.reachable ? (backend.live ? ' live' : ' reachable') : ''));
  dot.title = state;
  element.replaceChildren(
    make('div', 'name', dot, make('span', 'cut', backend.name)),
    make('div', 'quiet small cut', link(backend.url, backend.url)),
    make('div', 'small', backend.reachable
      ? backend.running + ' running, ' + backend.pending + ' waiting'
      : 'not reachable' + (backend.observed ? ', last seen ' + ago(now, backend.observed) : '')),
    make('div', 'quiet small ' + (backend.reachable ? 'cut' : 'wrap'), backend.reachable
      ? (backend.version ? 'ComfyUI ' + backend.version + ' · ' : '') + (backend.live ? 'live' : 'no live events')
      : backend.error || ''));
}

function createRunning() {
  return make('li', '',
    make('div', 'row', make('span', 'id cut'), make('span', 'percent')),
    make('div', 'bar', make('div')),
    make('div', 'row small', make('span', 'cut'), make('span', 'quiet')));
}

function showRunning(element, job, now) {
  const [head, bar, foot] = element.children;
  head.children[0].textContent = job.id;
  head.children[1].textContent = job.percent === undefined ? '' : Math.floor(job.percent) + ' %';
  bar.classList.toggle('unknown', job.percent === undefined);
  bar.setAttribute('role', 'progressbar');
  bar.setAttribute('aria-label', 'progress of ' + job.id);
  if (job.percent === undefined) {
    bar.removeAttribute('aria-valuenow');
    bar.firstElementChild.style.width = '';
  } else {
    bar.setAttribute('aria-valuenow', String(Math.floor(job.percent)));
    bar.firstElementChild.style.width = job.percent + '%';
  }
  const doing = job.stale ? 'as last seen'
    : job.node ? job.node + (job.steps > 0 ? ' ' + job.step + '/' + job.steps : '') : 'running';
  const nodes = job.nodes > 0 ? ' · ' + job.nodes_done + ' of ' + count(job.nodes, 'node', 'nodes') + ' done' : '';
  foot.children[0].textContent = doing + nodes;
  foot.children[1].textContent = [left(now, job), job.backend].filter(Boolean).join(' · ');
}

function showQueued(element, job, now) {
  element.replaceChildren(
    make('span', 'place', job.position ? String(job.position) : '·'),
    make('span', 'id cut', job.id),
    make('span', 'quiet small', job.stale ? 'as last seen' : left(now, job)),
    make('span', 'quiet small', job.backend));
}

function showEnded(element, job, now) {
  const outputs = make('div', 'more small outputs');
  for (const output of job.outputs) outputs.append(link(output.name, output.url));
  if (job.outputs_left_out > 0 && job.outputs.length > 0) outputs.append('and ' + job.outputs_left_out + ' more');
  const when = make('span', 'quiet small', ago(now, job.end));
  when.title = new Date(job.end).toLocaleString();
  element.replaceChildren(
    make('span', 'badge ' + job.state, job.state),
    make('span', 'id cut', job.id),
    when,
    make('span', 'quiet small', job.backend));
  if (job.state !== 'completed') element.append(make('div', 'more small quiet', job.message));
  if (outputs.childNodes.length > 0) element.append(outputs);
}

function show(status) {
  const { now } = status;
  fill(at('backends'), status.backends, (backend) => backend.name, () => make('li'),
    (element, backend) => showBackend(element, backend, now), 'No ComfyUI server is configured.');
  fill(at('running'), status.running, jobKey, createRunning,
    (element, job) => showRunning(element, job, now), 'Nothing runs.');
  fill(at('queued'), status.queued, jobKey, () => make('li'),
    (element, job) => showQueued(element, job, now), 'Nothing waits.');
  if (status.queued_left_out > 0) at('queued').append(make('li', 'none', 'and ' + status.queued_left_out + ' more'));
  fill(at('ended'), status.ended, jobKey, () => make('li'),
    (element, job) => showEnded(element, job, now), 'Nothing has ended yet.');
  const running = status.running.length + status.running_left_out;
  const waiting = status.queued.length + status.queued_left_out;
  at('summary').textContent = running + ' running, ' + waiting + ' waiting';
  document.title = (running + waiting > 0 ? '(' + (running + waiting) + ') ' : '') + 'ComfyUI jobs';
}

// ---- asking

let token = sessionStorage.getItem('token') || '';
let lastAnswer = null;

function trouble(text) {
  at('trouble').textContent = text;
  at('trouble').hidden = text === '';
}

function askForToken(refused) {
  at('jobs').hidden = true;
  at('summary').textContent = '';
  at('token-form').hidden = false;
  trouble(refused ? 'This is no token of the service.' : '');
}

async function ask() {
  const answer = await fetch('status.json', {
    headers: token ? { Authorization: 'Bearer ' + token } : {},
    cache: 'no-store',
    signal: AbortSignal.timeout(15000),
  });
  if (answer.status === 401) {
    askForToken(token !== '');
    return false;
  }
  if (!answer.ok) throw new Error((await answer.text()).trim());
  show(await answer.json());
  lastAnswer = Date.now();
  at('jobs').hidden = false;
  at('token-form').hidden = true;
  trouble('');
  return true;
}

async function go() {
  let again = true;
  try {
    again = await ask();
  } catch (error) {
    const since = lastAnswer === null ? '' : ' What is shown is of ' + new Date(lastAnswer).toLocaleTimeString() + '.';
    trouble('The service does not answer: ' + error.message + '.' + since);
  }
  // Nobody looks at a hidden tab.
  while (document.hidden) await new Promise((done) => document.addEventListener('visibilitychange', done, { once: true }));
  if (again) setTimeout(go, 1000);
}

at('token-form').addEventListener('submit', (event) => {
  event.preventDefault();
  token = at('token').value.trim();
  at('token').value = '';
  sessionStorage.setItem('token', token);
  go();
});

go();
