/**
 * The torture messages of RFC 4475. Sections beside the verdicts are of that RFC.
 */
import { expect, test } from "vitest";
import { lineCount, lineText } from "../../src/sip/message.ts";
import { StreamFramer } from "../../src/sip/stream-framer.ts";
import {
  accept,
  answerTo,
  factsOf,
  judge,
  messageNames,
  passOn,
  readMessage,
  request,
  titleOf,
  withoutSurplus,
  wordsOf,
} from "./corpus.ts";
import { RFC4475_VERDICTS } from "./rfc4475-verdicts.ts";

const rows = Object.entries(RFC4475_VERDICTS).map(([name, [section, verdict]]) => ({
  title: `${name} (section ${section}): ${titleOf(verdict)}`,
  verdict,
  text: readMessage("rfc4475", name),
}));

test("every message of the archive has a verdict", () => {
  expect(Object.keys(RFC4475_VERDICTS).toSorted()).toEqual(messageNames("rfc4475"));
});

test.each(rows)("$title", ({ verdict, text }) => {
  expect(judge(text)).toBe(wordsOf(verdict));
  const { read, are } = factsOf(verdict, text);
  expect(read).toEqual(are);
});

const acceptedRows = rows.filter(({ verdict }) => wordsOf(verdict) === "accepted");
test.each(acceptedRows)("$title, passed on byte for byte", ({ text }) => {
  const message = accept(text);
  expect(passOn(message)).toBe(withoutSurplus(text, message));
});

const malformedRows = rows.filter(({ verdict }) => verdict.is === "malformed");
test.each(malformedRows)("$title, answered with what can be read of it", ({ verdict, text }) => {
  const answer = answerTo(text);
  expect(answer.split("\r\n")[0]).toBe(`SIP/2.0 ${wordsOf(verdict)}`);
  expect(linesNamed("Via", answer)).toEqual(linesNamed("Via", text));
  for (const name of ["From", "To", "Call-ID", "CSeq"]) {
    const line = linesNamed(name, text).slice(0, 1);
    const tag = name === "To" && !line.join("").includes(";tag=") ? ";tag=answer" : "";
    expect(linesNamed(name, answer)).toEqual(line.map((copied) => copied + tag));
  }
  expect(answer.endsWith("\r\nContent-Length: 0\r\n\r\n")).toBe(true);
});

function linesNamed(name: string, text: string): string[] {
  const prefix = `${name.toLowerCase()}:`;
  return text.split("\r\n").filter((line) => line.toLowerCase().startsWith(prefix));
}

test("UnknownHeaderWithUnusualValue of wsinv is forwarded as it is (section 3.1.1.1)", () => {
  const message = accept(readMessage("rfc4475", "wsinv"));
  const lines = Array.from({ length: lineCount(message) }, (_, line) => lineText(message, line));
  expect(lines).toContain("UnknownHeaderWithUnusualValue: ;;,,;;,;");
  expect(lines).toContain("NewFangledHeader:   newfangled value\r\n continued newfangled value");
});

test("an unquoted comma in a display name is malformed with its empty line too (section 3.1.2.15)", () => {
  expect(judge(`${readMessage("rfc4475", "baddn")}\r\n`)).toBe("400 Malformed From");
});

test("dblreq on a stream is two messages (section 3.1.1.8)", () => {
  const events = new StreamFramer().push(readMessage("rfc4475", "dblreq"));
  const texts = events.flatMap((event) => (event.kind === "message" ? [event.text] : []));
  expect(texts.map((text) => judge(text))).toEqual(["accepted", "accepted"]);
  expect(texts.map((text) => request(accept(text)).method)).toEqual(["REGISTER", "INVITE"]);
});

test.each([
  ["ncl", "bad-length"],
  ["mcl01", "bad-length"],
  ["inv2543", "no-length"],
])("%s on a stream closes the connection (sections 3.1.2.3, 3.3.9)", (name, reason) => {
  const events = new StreamFramer().push(readMessage("rfc4475", name));
  expect(events).toEqual([{ kind: "broken", reason }]);
});

test("clerr on a stream waits for the rest of its body (section 3.1.2.2)", () => {
  const framer = new StreamFramer();
  expect(framer.push(readMessage("rfc4475", "clerr"))).toEqual([]);
  expect(framer.pendingBytes).toBeGreaterThan(0);
});
