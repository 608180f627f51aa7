// Puts down what an EventSource shows, in a browser and in Node alike: ["open", when], ["error", when] in milliseconds, and
// [name, lastEventId, data].

globalThis.record = (EventSource, url, put) => {
  const source = new EventSource(url);
  source.onopen = () => put(["open", String(Date.now())]);
  source.onerror = () => put(["error", String(Date.now())]);
  for (const name of ["message", "caught_up", "reset", "heartbeat", "bye"]) {
    source.addEventListener(name, (event) => put([name, event.lastEventId, event.data]));
  }
  return source;
};
