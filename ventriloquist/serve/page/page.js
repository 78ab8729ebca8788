// The page of `vq serve`: conversations, and a chat with each. Everything is in memory; nothing is stored.
// Words of others are put in with textContent alone, so that no message is ever read as markup.
// @ts-check

/** @typedef {{name: string, content: string, sent_at: number, delta?: string}} Sent a real message */
/** @typedef {{name: string, mine: boolean, content: string, delta: string, at: number, nodes: HTMLElement[]}} Said */
/** @typedef {{start: number, ahead: number, answer: number | null, tries: number}} Turn positions in `said`, as in chat/session.py */
/** @typedef {{id: string, kind: string, members: string[], me: string, last: Sent | null, entry: HTMLElement}} Model */
/** @typedef {ReturnType<typeof newThread>} Thread */
/** @typedef {{typing?: string | null, waits?: string, note?: string, failure?: Failure}} Now what the tail of a chat shows */
/**
 * @typedef {{model: Model, thread: Thread, date: string | null, fresh: boolean | null, speaker: string | null, said: Said[],
 *   turns: Turn[], waiting: {text: string, node: HTMLElement}[], opened: Sent | null, ahead: number, run: AbortController | null,
 *   answering: boolean, line: Said | null, draft: string, eager: boolean, scrolled: number | null, before: Chat | null, loaded: boolean}} Chat
 */

const ALTERNATIVES = 4;
const SHOWN = 500; // real messages drawn at once
const PAUSES = /** @type {Record<string, number>} */ ({ "<1m": 1000, "<5m": 1500 }); // ms of typing before a line
const LONG_PAUSE = 2000;
const LATER = /** @type {Record<string, string>} */ ({ "<1h": "a while later", "<12h": "hours later", "<1d": "half a day later", "1d+": "days later" });
const LIMITS = /** @type {[string, number][]} */ ([["<1m", 6e4], ["<5m", 3e5], ["<1h", 36e5], ["<12h", 432e5], ["<1d", 864e5], ["1d+", Infinity]]);
const STEP = 500; // lines: of a very long chat, the last two to three steps are sent, which is more than a model reads
const TYPING = 5000; // ms after a key for which the answer waits
const NEAR = 48; // pixels from the end that count as the end
const HUES = 6;
const NAMED = 5; // people of a group whom the banner names

// Pure functions

/** The bucket of a time between two messages, in ms. */
const bucketOf = (/** @type {number} */ passed) => (LIMITS.find(([, limit]) => passed < limit) ?? LIMITS[0])[0];

/** The shortest time that a delta stands for, in ms. */
const leastOf = (/** @type {string} */ delta) => LIMITS[LIMITS.findIndex(([name]) => name === delta) - 1]?.[1] ?? 0;

/** The lines of a typed text, without blank ones: each is a message of its own. */
const linesOf = (/** @type {string} */ text) => text.split(/\r\n|\n|\r/).filter((line) => line.trim());

/** A date such as 2019, 2019-06 or 2019-06-15. The server says whether the day exists. */
const isDate = (/** @type {string} */ text) => /^\d{4}(-\d{1,2}(-\d{1,2})?)?$/.test(text);

/** The first character of the first and last word, for a picture of somebody. */
function initials(/** @type {string} */ name) {
  const words = name.replace(/[^\p{L}\p{N}\p{Emoji_Presentation}\s]/gu, "").split(/\s+/).filter(Boolean);
  const firsts = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return firsts.map((word) => [...new Intl.Segmenter().segment(word)][0].segment).join("").toUpperCase() || "?";
}

/** A colour for a name: always the same one. */
const hueOf = (/** @type {string} */ name) => String([...name].reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) % 9973, 7) % HUES);

/** The quote of an inline reply and the text after it; a marker that is still being written is a quote without a text. */
function splitReply(/** @type {string} */ content) {
  const opening = '[replying to "';
  if (!content.startsWith(opening)) return { quote: "", text: content };
  let end = content.indexOf('"] ', opening.length);
  const first = end;
  let open = 0; // brackets before `end` that are not closed
  for (let read = opening.length; end >= 0; end = content.indexOf('"] ', end + 1)) {
    for (; read < end; read++) open += content[read] === "[" ? 1 : content[read] === "]" ? -1 : 0;
    if (open === 0 || content[end - 1] === "…") break;
  }
  if (end < 0) end = first;
  if (end < 0) return { quote: content.slice(opening.length), text: "" };
  return { quote: content.slice(opening.length, end), text: content.slice(end + 3) };
}

/** A time in Unix ms as a Date, or null if it is none. */
function dateOf(/** @type {number | undefined} */ ms) {
  const date = new Date(ms ?? NaN);
  return Number.isNaN(date.getTime()) ? null : date;
}

const day = (/** @type {number} */ ms) => dateOf(ms)?.toLocaleDateString([], { weekday: "short", day: "numeric", month: "long", year: "numeric" }) ?? "";

/** When the last message was: a time today, a day this year, else a year. */
function whenOf(/** @type {number | undefined} */ ms, now = new Date()) {
  const date = dateOf(ms);
  if (!date) return "";
  if (date.toDateString() === now.toDateString()) return date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (date.getFullYear() === now.getFullYear()) return date.toLocaleDateString([], { day: "numeric", month: "short" });
  return String(date.getFullYear());
}

/** A failed request: one line what is wrong, and what to do. `again`: the same request may succeed later. */
class Failure extends Error {
  constructor(/** @type {string} */ text, again = true) {
    super(text);
    this.again = again;
  }
}

/** What a status of the server means, in one line. */
function explain(/** @type {number} */ status, /** @type {string} */ said, /** @type {string | null} */ seconds) {
  if (status === 401 || status === 403) return new Failure("The server does not accept this page any more. Open the link that vq serve printed.");
  if (status === 429 || status === 503) return new Failure(`The server is busy with other requests. Try again in ${Number(seconds) || 5} seconds.`);
  if (status === 413) return new Failure("That is too long for the server. Send a shorter message, or start over.", false);
  return new Failure(said || `The server failed (${status}). Look at the terminal of vq serve, then try again.`, status >= 500);
}

const GONE = "The server does not answer. Start vq serve again, and open the link that it prints.";
const BROKE_OFF = "The answer broke off. See whether vq serve still runs, then try again.";

// The server

/** Ask the server. Every failure is a Failure; an abort throws its reason. */
async function ask(/** @type {string} */ path, /** @type {RequestInit} */ options = {}) {
  let response;
  try {
    response = await fetch(path, { cache: "no-store", credentials: "same-origin", redirect: "error", ...options });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Failure(GONE);
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => null);
  throw explain(response.status, String(body?.error?.message ?? ""), response.headers.get("Retry-After"));
}

async function askJson(/** @type {string} */ path, /** @type {RequestInit} */ options = {}) {
  const response = await ask(path, options);
  return response.json().catch((error) => { throw options.signal?.aborted ? error : new Failure(BROKE_OFF); });
}

/** Ask for an answer to what was said before position `end`. */
function complete(/** @type {Chat} */ chat, /** @type {number} */ end, /** @type {object} */ more, /** @type {string | null} */ speaker = chat.speaker) {
  const first = Math.max(0, Math.floor(end / STEP) - 2) * STEP;
  const messages = chat.said.slice(first, end).map((said) => ({ role: said.mine ? "user" : "assistant", name: said.name, content: said.content, delta: said.delta }));
  const body = { model: chat.model.id, messages, ventriloquist: { date: chat.date, new: chat.fresh, speaker }, ...more };
  return { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal: chat.run?.signal };
}

/** The data of server-sent events, one JSON object each, until [DONE]. */
async function* eventsOf(/** @type {Response} */ response, /** @type {AbortSignal} */ signal) {
  const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      text += decoder.decode(value, { stream: !done });
      const lines = text.split(/\r?\n/);
      text = lines.pop() ?? "";
      for (const line of lines) {
        if (line === "data: [DONE]") return;
        if (line.startsWith("data:")) yield JSON.parse(line.slice(5));
      }
      if (done) throw new Failure(BROKE_OFF);
    }
  } catch (error) {
    throw error instanceof Failure || signal.aborted ? error : new Failure(BROKE_OFF);
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** Wait, but not after an abort. */
function sleep(/** @type {number} */ ms, /** @type {AbortSignal} */ signal) {
  return new Promise((resolve, reject) => {
    const stop = () => { clearTimeout(timer); reject(signal.reason); };
    const timer = setTimeout(() => { signal.removeEventListener("abort", stop); resolve(undefined); }, Math.max(0, ms));
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}

// The document

const $ = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const composer = /** @type {HTMLTextAreaElement} */ ($("text"));
const scroller = $("scroller");
const narrow = matchMedia("(max-width: 44rem)");

/** @type {Model[]} */ let models = [];
/** @type {Map<string, Chat>} */ const chats = new Map();
/** @type {Chat | null} */ let current = null;
let typedAt = -Infinity; // when the user last typed
let stuck = true; // whether the reader was at the end when they last scrolled

/** Make an element with a class and a text. */
function make(/** @type {string} */ tag, className = "", text = "") {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
}

/** Put a sentence with names into an element: every second part is a name, isolated from the text around it. */
function sentence(/** @type {HTMLElement} */ node, /** @type {string[]} */ ...parts) {
  node.replaceChildren(...parts.map((part, index) => (index % 2 ? make("bdi", "", part) : document.createTextNode(part))));
}

/** Show or hide an element; if it holds the focus, the focus goes to the message field. */
function show(/** @type {HTMLElement} */ node, /** @type {boolean} */ on) {
  const focused = !on && !node.hidden && node.contains(document.activeElement);
  node.hidden = !on;
  if (focused) composer.focus({ preventScroll: true });
}

function announce(/** @type {string} */ text) {
  $("live").append(make("p", "", text));
  while ($("live").children.length > 5) $("live").firstElementChild?.remove();
}

/** Change something in a chat; if the reader was at its end, stay there. */
function staying(/** @type {Chat} */ chat, /** @type {() => void} */ change) {
  const atEnd = isAtEnd();
  change();
  if (chat !== current) return;
  if (atEnd) toEnd();
  else if (chat.line) show($("newest"), true);
}

const isAtEnd = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR;

function toEnd() {
  stuck = true;
  scroller.scrollTop = scroller.scrollHeight;
  show($("newest"), false);
}

// The messages

function newThread() {
  const template = /** @type {HTMLTemplateElement} */ ($("thread-template"));
  const node = /** @type {HTMLElement} */ (template.content.cloneNode(true)).firstElementChild;
  const part = (/** @type {string} */ name) => /** @type {HTMLElement} */ (node?.querySelector(name));
  return {
    node: /** @type {HTMLElement} */ (node), past: part(".past"), now: part(".now"), starts: part(".starts"), more: part(".more"),
    dots: part(".dots"), statusLine: part(".status"), status: part(".status-text"), problem: part(".tail .problem"), choices: part(".choices"),
    stop: part(".stop"), resend: part(".resend"), restore: part(".restore"), goOn: part(".go-on"), retry: part(".retry"), others: part(".others"), undo: part(".undo"),
  };
}

function fillBubble(/** @type {HTMLElement} */ bubble, /** @type {string} */ content) {
  const { quote, text } = splitReply(content);
  bubble.replaceChildren(...(quote ? [make("q", "quote", quote)] : []), text);
}

/** The element of a message. Its name is shown in groups at the first of several, and read out with each. */
function messageNode(/** @type {Model} */ model, /** @type {string} */ name, /** @type {string} */ content, /** @type {string | undefined} */ previous) {
  const mine = name === model.me;
  const node = make("li", `message${mine ? " mine" : ""}${name === previous ? "" : " first"}`);
  const shown = model.kind === "group" && !mine && name !== previous;
  const label = make("span", shown ? "who" : "hidden-text");
  label.dir = "auto";
  label.dataset.hue = hueOf(name);
  label.textContent = mine ? "You:" : shown ? name : `${name}:`;
  const bubble = make("div", "bubble");
  bubble.dir = "auto";
  fillBubble(bubble, content);
  node.append(label, bubble);
  return node;
}

/** The real messages before the chat, with a line for each day; at most SHOWN of them, and a button for the rest. */
function drawPast(/** @type {Chat} */ chat, /** @type {Sent[]} */ sent, /** @type {number} */ from) {
  const nodes = [];
  for (let index = from; index < sent.length; index++) {
    const { name, content, sent_at } = sent[index];
    const [today, before] = [day(sent_at), index > from ? day(sent[index - 1].sent_at) : ""];
    if (today && today !== before) nodes.push(make("li", "day", today));
    nodes.push(messageNode(chat.model, name, content, today === before ? sent[index - 1]?.name : undefined));
  }
  chat.thread.past.replaceChildren(...nodes);
  show(chat.thread.past, sent.length > 0);
  show(chat.thread.more, from > 0);
  chat.thread.more.textContent = `${from.toLocaleString()} earlier messages`;
  chat.thread.more.onclick = () => {
    const below = scroller.scrollHeight - scroller.scrollTop;
    drawPast(chat, sent, Math.max(0, from - SHOWN));
    scroller.scrollTop = scroller.scrollHeight - below;
    if (chat.thread.more.hidden) scroller.focus({ preventScroll: true });
  };
}

const lastOf = (/** @type {Chat} */ chat) => chat.said[chat.said.length - 1] ?? null;

/** Draw a line at the end of a chat. It is part of the conversation when `keep` says so. */
function draw(/** @type {Chat} */ chat, /** @type {string} */ name, /** @type {string} */ content, /** @type {string} */ delta) {
  const mine = name === chat.model.me;
  const node = messageNode(chat.model, name, content, lastOf(chat)?.name);
  const later = mine ? undefined : LATER[delta];
  const nodes = later ? [make("li", "later", `— ${later} —`), node] : [node];
  if (later) node.classList.add("first");
  staying(chat, () => chat.thread.now.append(...nodes));
  return /** @type {Said} */ ({ name, mine, content, delta, at: 0, nodes });
}

const now = (/** @type {Chat} */ chat) => Date.now() + chat.ahead;

/** Make a drawn line part of the conversation. */
function keep(/** @type {Chat} */ chat, /** @type {Said} */ line) {
  if (!line.mine) chat.ahead += leastOf(line.delta);
  line.at = now(chat);
  chat.said.push(line);
  preview(chat);
  if (line.mine) return;
  if (chat === current) announce(`${line.name}: ${line.content}`);
  else chat.model.entry.querySelector(".unread")?.removeAttribute("hidden");
}

function takeBack(/** @type {Chat} */ chat, /** @type {Turn} */ turn, /** @type {number} */ length) {
  for (const said of chat.said.splice(length)) for (const node of said.nodes) node.remove();
  chat.ahead = turn.ahead;
  preview(chat);
}

function openTurn(/** @type {Chat} */ chat) {
  let turn = chat.turns[chat.turns.length - 1];
  if (!turn || turn.answer !== null) chat.turns.push((turn = { start: chat.said.length, ahead: chat.ahead, answer: null, tries: 0 }));
  return turn;
}

/** Make the user's lines part of the conversation, as one turn with those before it. */
function say(/** @type {Chat} */ chat, /** @type {string[]} */ lines) {
  openTurn(chat);
  for (const content of lines) {
    const before = lastOf(chat)?.at ?? chat.opened?.sent_at;
    keep(chat, draw(chat, chat.model.me, content, before === undefined ? "<1m" : bucketOf(now(chat) - before)));
  }
}

// The tail: who is typing, what went wrong, and what can be done

/** Show what happens: `typing` is a name, null for somebody, or absent for nobody. */
function tail(/** @type {Chat} */ chat, /** @type {Now} */ what = {}) {
  const { thread } = chat;
  const busy = chat.run !== null;
  const turn = chat.turns[chat.turns.length - 1];
  staying(chat, () => {
    show(thread.stop, busy);
    show(thread.dots, what.typing !== undefined);
    show(thread.statusLine, what.typing !== undefined || Boolean(what.waits ?? what.note));
    if (what.typing) sentence(thread.status, "", what.typing, " is typing…");
    else if (what.typing === null) sentence(thread.status, "Somebody is typing…");
    else if (what.waits) sentence(thread.status, "", what.waits, " waits while you write.");
    else sentence(thread.status, what.note ?? "");
    show(thread.problem, Boolean(what.failure));
    thread.problem.textContent = what.failure?.message ?? "";
    show(thread.resend, !busy && Boolean(what.failure?.again));
    show(thread.retry, !busy && turn !== undefined && turn.answer !== null);
    show(thread.others, !busy && turn !== undefined);
    show(thread.undo, !busy && turn !== undefined);
    show(thread.goOn, !busy && chat.loaded && !what.failure);
    show(thread.restore, !busy && chat.before !== null && chat.said.length === 0);
    if (busy || turn === undefined) show(thread.choices, false);
    if (what.note && !busy && chat === current) announce(what.note);
    thread.goOn.textContent = chat.said.length ? "More" : "Let them write first";
  });
}

// Answers

/** Write an answer: show it line by line at the pace of its deltas. As in chat/session.py, finished lines stay. */
async function answer(/** @type {Chat} */ chat) {
  const turn = openTurn(chat);
  const run = (chat.run = new AbortController());
  const start = (turn.answer = chat.said.length);
  const waitsFor = chat.speaker ?? (chat.model.kind === "group" ? null : chat.model.members.find((name) => name !== chat.model.me) ?? null);
  let began = performance.now();
  let what = /** @type {Now} */ ({});
  chat.answering = true;
  tail(chat, { typing: waitsFor });
  try {
    const seed = turn.tries ? { seed: turn.tries } : {};
    const response = await ask("/v1/chat/completions", complete(chat, chat.said.length, { stream: true, ...seed }));
    for await (const chunk of eventsOf(response, run.signal)) {
      if (chunk.error) throw new Failure(String(chunk.error.message ?? BROKE_OFF));
      const { event, name, delta } = chunk.ventriloquist ?? {};
      if (event === "text" && chat.line) grow(chat, chat.line, String(chunk.choices?.[0]?.delta?.content ?? ""));
      if (event !== "line" && event !== "end") continue;
      finish(chat);
      if (event === "end" || chat.waiting.length) break; // the user has written something in between
      tail(chat, { typing: String(name) });
      if (pauses()) await sleep((PAUSES[delta] ?? LONG_PAUSE) - (performance.now() - began), run.signal);
      if (chat.waiting.length) break;
      if (chat.said.length === start) await whileTyping(chat, String(name), run.signal);
      chat.line = draw(chat, String(name), "", String(delta));
      tail(chat);
      began = performance.now();
    }
    finish(chat);
    if (chat.said.length === start && !chat.waiting.length) what = { note: `Nobody answers.${chat.speaker ? "" : " The model gives you the turn."}` };
  } catch (error) {
    if (run.signal.aborted) what = { note: run.signal.reason === "again" ? "" : "Stopped." };
    else if (error instanceof Failure) what = { failure: error };
    else throw error;
  } finally {
    for (const node of chat.line?.nodes ?? []) node.remove();
    chat.line = null;
    if (chat.said.length === start && !what.note?.startsWith("Nobody")) turn.answer = null;
    if (chat.run === run) chat.run = null;
    run.abort();
    chat.answering = false;
  }
  const flushed = chat.waiting.splice(0);
  for (const { node } of flushed) node.remove();
  if (flushed.length) say(chat, flushed.map(({ text }) => text));
  if (flushed.length && !what.failure && what.note !== "Stopped.") return answer(chat);
  if (what.failure && !what.failure.again && chat.said.length === start) giveBack(chat, turn);
  tail(chat, what);
}

function grow(/** @type {Chat} */ chat, /** @type {Said} */ line, /** @type {string} */ text) {
  line.content += text;
  staying(chat, () => fillBubble(/** @type {HTMLElement} */ (line.nodes[line.nodes.length - 1].querySelector(".bubble")), line.content));
}

function finish(/** @type {Chat} */ chat) {
  const line = chat.line;
  chat.line = null;
  if (line) keep(chat, line);
}

/** Wait while the user types: what they send first belongs to the same turn. */
async function whileTyping(/** @type {Chat} */ chat, /** @type {string} */ name, /** @type {AbortSignal} */ signal) {
  const types = () => chat === current && composer.value.trim() && performance.now() - typedAt < TYPING;
  if (!types()) return;
  tail(chat, { waits: name });
  while (types()) await sleep(100, signal);
}

const pauses = () => /** @type {HTMLInputElement} */ ($("pauses")).checked;

/** Put the lines of a turn that cannot be sent back into the message field. */
function giveBack(/** @type {Chat} */ chat, /** @type {Turn} */ turn) {
  const mine = chat.said.slice(turn.start).filter((said) => said.mine).map((said) => said.content);
  chat.turns.pop();
  takeBack(chat, turn, turn.start);
  putBack(chat, mine.join("\n"));
}

/** Put a text before what is in the message field. */
function putBack(/** @type {Chat} */ chat, /** @type {string} */ text) {
  const draft = chat === current ? composer.value : chat.draft;
  chat.draft = [text, draft].filter(Boolean).join("\n");
  if (chat === current) setDraft(chat.draft);
}

function send() {
  const chat = current;
  const lines = linesOf(composer.value);
  if (!chat || !lines.length) return;
  chat.eager = !chat.loaded;
  if (!chat.loaded) return;
  setDraft("");
  typedAt = -Infinity;
  if (chat.run && !chat.answering) stop(chat); // other answers were being written
  if (chat.answering) {
    for (const text of lines) {
      const node = messageNode(chat.model, chat.model.me, text, undefined);
      node.classList.add("waiting");
      chat.thread.now.append(node);
      chat.waiting.push({ text, node });
    }
    if (!chat.line) chat.run?.abort("again"); // or else it ends after this line
  } else {
    say(chat, lines);
    void answer(chat);
  }
  toEnd();
}

function stop(/** @type {Chat} */ chat) {
  chat.run?.abort("stop");
}

function retry(/** @type {Chat} */ chat) {
  const turn = chat.turns[chat.turns.length - 1];
  if (turn?.answer != null) {
    takeBack(chat, turn, turn.answer);
    turn.answer = null;
    turn.tries += 1; // another seed, or a server with a fixed one would write the same again
  }
  void answer(chat);
}

function undo(/** @type {Chat} */ chat) {
  const turn = chat.turns[chat.turns.length - 1];
  if (!turn) return;
  giveBack(chat, turn);
  tail(chat, { note: "Taken back." });
  composer.focus();
}

/** Ask for other answers, and offer them as buttons. */
async function others(/** @type {Chat} */ chat) {
  const turn = chat.turns[chat.turns.length - 1];
  if (!turn || chat.run) return;
  const run = (chat.run = new AbortController());
  const at = turn.answer ?? chat.said.length;
  const speaker = chat.said[at]?.name ?? chat.speaker;
  let what = /** @type {Now} */ ({});
  tail(chat, { note: "Other answers are being written…" });
  turn.tries += 1;
  try {
    const body = await askJson("/v1/chat/completions", complete(chat, at, { stream: false, n: ALTERNATIVES, seed: turn.tries }, speaker));
    const lines = (body.choices ?? []).flatMap((/** @type {any} */ { ventriloquist }) => ventriloquist?.lines?.slice(0, 1) ?? []);
    chat.run = null;
    tail(chat);
    offer(chat, turn, at, lines);
    return;
  } catch (error) {
    if (run.signal.aborted) what = { note: "Stopped." };
    else if (error instanceof Failure) what = { failure: new Failure(error.message, false) };
    else throw error;
  }
  chat.run = null;
  tail(chat, what);
}

function offer(/** @type {Chat} */ chat, /** @type {Turn} */ turn, /** @type {number} */ at, /** @type {{name: string, delta: string, content: string}[]} */ lines) {
  const { choices } = chat.thread;
  choices.replaceChildren();
  for (const line of lines) {
    const button = make("button", "choice", line.content);
    button.setAttribute("type", "button");
    button.dir = "auto";
    if (chat.model.kind === "group") button.prepend(make("bdi", "who", `${line.name}: `));
    button.addEventListener("click", () => {
      show(choices, false);
      takeBack(chat, turn, at);
      turn.answer = at;
      keep(chat, draw(chat, line.name, line.content, line.delta));
      tail(chat);
      composer.focus();
    });
    choices.append(button);
  }
  const none = make("button", "none", "None of these");
  none.setAttribute("type", "button");
  none.addEventListener("click", () => show(choices, false));
  choices.append(none);
  staying(chat, () => show(choices, lines.length > 0));
  if (chat !== current) return;
  if (lines.length) /** @type {HTMLElement} */ (choices.firstElementChild).focus();
  else tail(chat, { note: "There are no other answers." });
}

// Chats

/** @typedef {{date?: string | null, fresh?: boolean | null, speaker?: string | null}} How `fresh`: null for the server's default */

/** A chat that is not loaded yet. */
function newChat(/** @type {Model} */ model, /** @type {How} */ { date = null, fresh = null, speaker = null } = {}) {
  const chat = /** @type {Chat} */ ({
    model, thread: newThread(), date, fresh, speaker, said: [], turns: [], waiting: [], opened: null, ahead: 0, run: null, answering: false,
    line: null, draft: "", scrolled: null, before: null, loaded: false, eager: false,
  });
  wire(chat);
  return chat;
}

/** Fetch and draw the real messages before a chat. */
async function load(/** @type {Chat} */ chat) {
  const { model, date, fresh, thread } = chat;
  const query = new URLSearchParams({ model: model.id, ...(date ? { date } : {}), ...(fresh === null ? {} : { new: fresh ? "1" : "0" }) });
  const opening = await askJson(`/page/opening?${query}`);
  const sent = /** @type {Sent[]} */ (opening.lines ?? []);
  chat.opened = sent[sent.length - 1] ?? null;
  // a group and an earlier self go on where they were; a person is answered now
  if (chat.opened && (date || model.kind === "group")) chat.ahead = chat.opened.sent_at - Date.now() || 0;
  chat.loaded = true;
  staying(chat, () => {
    drawPast(chat, sent, Math.max(0, sent.length - SHOWN));
    thread.starts.textContent = [opening.starts, sent.length && "Above are real messages."].filter(Boolean).join(" ");
  });
  tail(chat);
}

/** Load a chat that is shown already, and send what was sent in the meantime. */
async function loadShown(/** @type {Chat} */ chat) {
  tail(chat);
  try {
    await load(chat);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return tail(chat, { failure: new Failure(error.message) });
  }
  if (chat.eager && chat === current) send();
}

function wire(/** @type {Chat} */ chat) {
  const { thread } = chat;
  thread.stop.onclick = () => stop(chat);
  thread.resend.onclick = () => void (chat.loaded ? answer(chat) : loadShown(chat));
  thread.goOn.onclick = () => void answer(chat);
  thread.retry.onclick = () => retry(chat);
  thread.others.onclick = () => void others(chat);
  thread.undo.onclick = () => undo(chat);
  thread.restore.onclick = () => {
    if (chat.before) use(chat.before);
    composer.focus();
  };
  tail(chat);
}

/** Open a conversation: its chat as it was left, or a new one. */
function open(/** @type {Model} */ model) {
  for (const each of models) {
    each.entry.tabIndex = each === model ? 0 : -1;
    if (each === model) each.entry.setAttribute("aria-current", "true");
    else each.entry.removeAttribute("aria-current");
  }
  const known = chats.get(model.id);
  const chat = known ?? newChat(model);
  use(chat);
  if (!known) void loadShown(chat);
}

/** Start the current chat over; the one before can be brought back until something is said. */
async function startOver(/** @type {How} */ how) {
  const before = current;
  if (!before) return;
  const chat = newChat(before.model, { speaker: before.speaker, ...how });
  await load(chat);
  stop(before);
  if (before.said.length) chat.before = before;
  before.before = null;
  before.draft = "";
  chat.draft = composer.value;
  tail(chat, { note: before.said.length ? "Started over." : "" });
  if (current === before) use(chat);
  else chats.set(before.model.id, chat);
}

/** Show a chat. The one before is left as it is, and its answer goes on. */
function use(/** @type {Chat} */ chat) {
  if (current) {
    current.draft = composer.value;
    current.scrolled = isAtEnd() ? null : scroller.scrollTop;
  }
  const { model } = chat;
  current = chat;
  chats.set(model.id, chat);
  for (const id of ["top", "scroller", "composer"]) $(id).hidden = false;
  show($("newest"), false);
  const others = model.members.filter((name) => name !== model.me);
  $("name").textContent = model.id;
  $("where").textContent = [chat.date && `in ${chat.date}`, model.kind === "group" && others.join(", ")].filter(Boolean).join(" · ");
  $("where").hidden = !$("where").textContent;
  disclaim(model.kind === "group" ? others : [model.id]);
  composer.placeholder = "Message";
  model.entry.querySelector(".unread")?.setAttribute("hidden", "");
  fillOptions(chat, others);
  setDraft(chat.draft);
  scroller.replaceChildren(chat.thread.node);
  if (chat.scrolled === null) toEnd();
  else scroller.scrollTop = chat.scrolled;
}

/** Say in the banner who did not write what is read here. */
function disclaim(/** @type {string[]} */ names) {
  const between = (/** @type {number} */ index) => (index === names.length - 1 ? " or " : ", ");
  const parts = names.length <= NAMED ? names.flatMap((name, index) => [between(index), name]).slice(1) : ["the people of this group"];
  sentence($("disclaimer"), "Written by a model, not by ", ...parts, parts[parts.length - 1].endsWith(".") ? "" : ".");
}

function fillOptions(/** @type {Chat} */ chat, /** @type {string[]} */ others) {
  const speaker = /** @type {HTMLSelectElement} */ ($("speaker"));
  speaker.replaceChildren(new Option("Anyone", ""), ...others.map((name) => new Option(name, name)));
  speaker.value = chat.speaker ?? "";
  show($("who"), others.length > 1);
  /** @type {HTMLInputElement} */ ($("date")).value = chat.date ?? "";
  wrongDate("");
  show($("again-real"), Boolean(chat.date || chat.fresh));
}

function setDraft(/** @type {string} */ text) {
  composer.value = text;
  fit();
}

/** Fit the message field to its text, where CSS alone cannot. */
function fit() {
  /** @type {HTMLButtonElement} */ ($("send")).disabled = !composer.value.trim();
  if (CSS.supports("field-sizing", "content")) return;
  composer.style.blockSize = "auto";
  composer.style.blockSize = `${composer.scrollHeight + 2}px`;
}

/** Say in the place of the chat what went wrong. */
function blank(/** @type {unknown} */ error, /** @type {() => void} */ again) {
  if (!(error instanceof Failure)) throw error;
  $("blank-text").textContent = error.message;
  show($("reload"), true);
  $("reload").onclick = again;
  show($("blank"), true);
}

// The list

function entryOf(/** @type {Omit<Model, "entry">} */ model) {
  const entry = make("button", "entry");
  entry.setAttribute("type", "button");
  const avatar = make("span", "avatar", initials(model.id));
  avatar.setAttribute("aria-hidden", "true");
  avatar.dataset.hue = hueOf(model.id);
  const [name, when, last, unread] = [make("span", "name", model.id), make("span", "when"), make("span", "last"), make("span", "unread")];
  name.dir = last.dir = "auto";
  unread.hidden = true;
  unread.append(make("span", "hidden-text", "new messages"));
  entry.append(avatar, name, when, last, unread);
  return entry;
}

/** Show a conversation's last line in the list: of the chat, or before it the real one. */
function preview(/** @type {Chat} */ chat) {
  const last = lastOf(chat);
  if (last) showLast(chat.model, last.name, last.content, "");
  else showLastReal(chat.model);
  chat.model.entry.querySelector(".last")?.classList.toggle("simulated", Boolean(last));
}

const showLastReal = (/** @type {Model} */ model) => showLast(model, model.last?.name ?? "", model.last?.content ?? "", whenOf(model.last?.sent_at));

function showLast(/** @type {Model} */ model, /** @type {string} */ name, /** @type {string} */ content, /** @type {string} */ when) {
  const { quote, text } = splitReply(content.slice(0, 300));
  const by = name === model.me ? "You: " : model.kind === "group" && name ? `${name}: ` : "";
  const [last, time] = [model.entry.querySelector(".last"), model.entry.querySelector(".when")];
  if (last) last.textContent = by + (text || quote);
  if (time) time.textContent = when;
}

function drawList(/** @type {any[]} */ data) {
  models = data.map((each) => {
    const { kind = "person", members = [], me = "", last = null } = each.ventriloquist ?? {};
    const model = { id: String(each.id), kind, members, me, last };
    return { ...model, entry: entryOf(model) };
  });
  models.sort((one, other) => (other.last?.sent_at ?? -Infinity) - (one.last?.sent_at ?? -Infinity) || 0);
  for (const model of models) {
    showLastReal(model);
    model.entry.addEventListener("click", () => enter(model));
    model.entry.tabIndex = model === models[0] ? 0 : -1;
  }
  const items = models.map(({ entry }) => {
    const item = make("li");
    item.append(entry);
    return item;
  });
  $("list").replaceChildren(...items);
  show($("filter"), models.length > 6);
}

/** Open a conversation that the user chose, and go to where they go on. */
function enter(/** @type {Model} */ model) {
  const wasList = $("app").dataset.screen === "list";
  $("app").dataset.screen = "chat";
  if (narrow.matches && wasList) history.pushState({ chat: true }, ""); // the back button leads to the list; no name in the history
  open(model);
  (narrow.matches ? $("name") : composer).focus();
}

function showList() {
  $("app").dataset.screen = "list";
  (current?.model ?? models[0])?.entry.focus();
}

function filter() {
  const wanted = /** @type {HTMLInputElement} */ ($("filter")).value.trim().toLocaleLowerCase();
  const found = models.filter(({ id, members, entry }) => {
    const is = [id, ...members].some((name) => name.toLocaleLowerCase().includes(wanted));
    /** @type {HTMLElement} */ (entry.parentElement).hidden = !is;
    return is;
  });
  show($("nothing"), found.length === 0);
  if (found.length && !found.some(({ entry }) => entry.tabIndex === 0)) found[0].entry.tabIndex = 0;
}

/** Move in the list with the arrow keys, Home and End. */
function moveInList(/** @type {KeyboardEvent} */ event) {
  const entries = models.map(({ entry }) => entry).filter((entry) => !entry.parentElement?.hidden);
  const at = entries.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: entries.length - 1 }[event.key];
  if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const entry = entries[Math.max(0, Math.min(entries.length - 1, to))];
  for (const each of entries) each.tabIndex = each === entry ? 0 : -1;
  entry?.focus();
}

// Start

function listen() {
  $("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    send();
    composer.focus();
  });
  composer.addEventListener("input", () => {
    typedAt = performance.now();
    fit();
  });
  composer.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || event.shiftKey) return; // Enter also ends the input of a character
    event.preventDefault();
    if (!event.altKey) return send();
    composer.setRangeText("\n", composer.selectionStart, composer.selectionEnd, "end");
    composer.dispatchEvent(new Event("input"));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || event.isComposing || !current || $("menu").matches(":popover-open")) return;
    if (current.run) stop(current);
    else show(current.thread.choices, false);
  });
  scroller.addEventListener("scroll", () => {
    stuck = isAtEnd();
    if (stuck) show($("newest"), false);
  }, { passive: true });
  new ResizeObserver(() => { if (stuck) toEnd(); }).observe(scroller);
  $("newest").addEventListener("click", () => { toEnd(); composer.focus(); });
  $("list").addEventListener("keydown", moveInList);
  $("filter").addEventListener("input", filter);
  $("filter").addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") models.find(({ entry }) => !entry.parentElement?.hidden)?.entry.focus();
  });
  $("back").addEventListener("click", () => (history.state?.chat ? history.back() : showList()));
  addEventListener("popstate", () => {
    if (history.state?.chat && current) $("app").dataset.screen = "chat";
    else showList();
  });
  const visible = window.visualViewport; // a keyboard on the screen makes it lower
  visible?.addEventListener("resize", () => {
    if (visible.scale === 1) document.documentElement.style.setProperty("--visible", `${visible.height}px`);
  });
  $("menu").addEventListener("beforetoggle", () => {
    document.documentElement.style.setProperty("--below", `${$("options").getBoundingClientRect().bottom + 6}px`);
  });
  $("speaker").addEventListener("change", () => {
    if (current) current.speaker = /** @type {HTMLSelectElement} */ ($("speaker")).value || null;
  });
  $("earlier").addEventListener("submit", (event) => {
    event.preventDefault();
    const date = /** @type {HTMLInputElement} */ ($("date")).value.trim();
    if (isDate(date)) void change({ date });
    else wrongDate("This is not a date. Write it as 2019-06-15, 2019-06 or 2019.");
  });
  $("fresh").addEventListener("click", () => void change({ fresh: true, date: current?.date }));
  $("again-real").addEventListener("click", () => void change({ fresh: false }));
}

/** Say beside the field for a date what is wrong with it, or nothing. */
function wrongDate(/** @type {string} */ text) {
  $("date-error").textContent = text;
  $("date-error").hidden = !text;
  $("date").setAttribute("aria-invalid", String(Boolean(text)));
  if (text) $("date").focus();
}

/** Start the chat over as the options say, and close them. */
async function change(/** @type {How} */ how) {
  try {
    await startOver(how);
    $("menu").hidePopover();
    composer.focus();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    wrongDate(error.message);
  }
}

async function start() {
  show($("reload"), false);
  $("blank-text").textContent = "Loading…";
  try {
    const [list, about] = await Promise.all([askJson("/v1/models"), askJson("/page/about")]);
    const warnings = (about.warnings ?? []).map((/** @type {string} */ text) => make("li", "", `Warning: ${text}`));
    $("warnings").replaceChildren(...warnings);
    show($("warnings"), warnings.length > 0);
    const kept = about.kept ? "This chat is kept on the machine that serves it." : "This chat is gone when you close the page.";
    sentence($("about"), "Written by ", String(about.written_by ?? "a model"), `. You write as `, String(about.me ?? ""), `. ${kept}`);
    drawList(list.data ?? []);
    if (!models.length) throw new Failure("There is nobody to chat with yet. Run vq collect, vq prepare and vq train.");
    show($("blank"), false);
    if (!narrow.matches) enter(models[0]);
  } catch (error) {
    blank(error, () => void start());
  }
}

history.replaceState(null, "");
listen();
void start();
