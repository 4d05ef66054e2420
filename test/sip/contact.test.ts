import { expect, test } from "vitest";
import { type Contact, contactsOf, formatQ, parseQ } from "../../src/sip/contact.ts";
import { MAX_LIST_VALUES } from "../../src/sip/limits.ts";
import { requestOf } from "../support/messages.ts";
import { registerWith } from "./requests.ts";

/** The contacts of a REGISTER with these Contact lines. */
function contacts(...lines: string[]): readonly Contact[] | "*" | undefined {
  return contactsOf(requestOf(registerWith({ Contact: lines })));
}

const CONTACT: Contact = {
  display: "",
  uri: "sip:a@b",
  params: "",
  expires: undefined,
  q: undefined,
};

test.each<[string, Partial<Contact>]>([
  ["Contact: <sip:a@b>", {}],
  ["m: sip:a@b;expires=60", { params: ";expires=60", expires: 60 }],
  ["CONTACT : <sip:a@b>;Q=0.5", { params: ";Q=0.5", q: 500 }],
  ["Contact:\r\n <sip:a@b>\r\n\t;expires=60", { params: ";expires=60", expires: 60 }],
  ['Contact: "x" <sip:a@b>', { display: '"x"' }],
  ["Contact: <sip:a@b>;expires=0", { params: ";expires=0", expires: 0 }],
  ["Contact: <sip:a@b>;expires=2147483648", { params: ";expires=2147483648", expires: 2 ** 31 }],
  [
    "Contact: <sip:a@b>;expires=280297596632815",
    { params: ";expires=280297596632815", expires: 2 ** 32 - 1 },
  ],
  ["Contact: <sip:a@b>;expires=-1", { params: ";expires=-1", expires: Number.NaN }],
  ["Contact: <sip:a@b>;expires=", { params: ";expires=", expires: Number.NaN }],
  ["Contact: <sip:a@b>;expires", { params: ";expires", expires: Number.NaN }],
  ['Contact: <sip:a@b>;expires="60"', { params: ';expires="60"', expires: Number.NaN }],
  ["Contact: <sip:a@b>;expires=1;expires=2", { params: ";expires=1;expires=2", expires: 1 }],
  ["Contact: <sip:a@b>;q=2", { params: ";q=2", q: Number.NaN }],
])("%j is read", (line, parts) => {
  expect(contacts(line)).toEqual([{ ...CONTACT, ...parts }]);
});

test("contacts come in order, joined by commas and on lines of their own", () => {
  const list = contacts('Contact: "a, b" <sip:a@b>, <sip:c,d@b>', "m: <sip:e@b>");
  expect(typeof list === "object" && list.map(({ uri }) => uri)).toEqual([
    "sip:a@b",
    "sip:c,d@b",
    "sip:e@b",
  ]);
});

test("a REGISTER without Contact has none", () => {
  expect(contacts()).toEqual([]);
});

test("an asterisk stands alone (RFC 3261 section 10.3 step 6)", () => {
  expect(contacts("Contact: *")).toBe("*");
  expect(contacts("Contact: *", "Contact: *")).toBeUndefined();
  expect(contacts("Contact: *, <sip:a@b>")).toBeUndefined();
  expect(contacts("Contact: <sip:a@b>", "Contact: *")).toBeUndefined();
});

test.each([
  ["an empty value", "Contact:"],
  ["a comma at the end", "Contact: <sip:a@b>,"],
  ["parameters behind an asterisk", "Contact: *;expires=0"],
  ["a malformed URI", "Contact: <sip:a@b:70000>"],
  ["an open quote in a list", 'Contact: <sip:a@b>, "x <sip:c@d>'],
  ["headers without brackets", "Contact: sip:a@b?Route=%3Csip:c%3E"],
])("%s makes all of them malformed", (_, line) => {
  expect(contacts("Contact: <sip:z@b>", line)).toBeUndefined();
});

test("there is a limit over all lines", () => {
  const lines = Array.from({ length: MAX_LIST_VALUES }, () => "Contact: <sip:a@b>");
  expect(contacts(...lines)).toHaveLength(MAX_LIST_VALUES);
  expect(contacts(...lines, "Contact: <sip:a@b>")).toBeUndefined();
});

test.each([
  ["0", 0],
  ["1", 1000],
  ["0.", 0],
  ["1.", 1000],
  ["0.5", 500],
  ["0.333", 333],
  ["0.007", 7],
  ["1.000", 1000],
  ["0.3333", Number.NaN],
  ["1.001", Number.NaN],
  ["2", Number.NaN],
  [".5", Number.NaN],
  ["-0.5", Number.NaN],
  ["1e0", Number.NaN],
  ["", Number.NaN],
])("q %j in thousandths is %d", (text, thousandths) => {
  expect(parseQ(text)).toBe(thousandths);
});

test.each([
  [0, "0"],
  [7, "0.007"],
  [500, "0.5"],
  [1000, "1"],
])("%i thousandths are written %s", (thousandths, text) => {
  expect(formatQ(thousandths)).toBe(text);
});
