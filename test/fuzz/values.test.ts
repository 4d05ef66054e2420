/**
 * URIs, addresses, parameters, lists and quoting.
 */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { isEqualUri, isSameUri } from "../../src/sip/compare-uri.ts";
import { escapeParam, escapeUser, unescapeUri } from "../../src/sip/escape.ts";
import { isHost, parseIpv6 } from "../../src/sip/host.ts";
import { parseNameAddr } from "../../src/sip/name-addr.ts";
import {
  isParamList,
  paramValue,
  parseParams,
  quote,
  unquote,
  withoutParams,
} from "../../src/sip/params.ts";
import { splitList } from "../../src/sip/split-list.ts";
import { isUri, parseUri, serializeUri } from "../../src/sip/uri.ts";
import { check, SEED, TIMEOUT_MS } from "./fuzz.ts";
import {
  bytes,
  displayName,
  headerParam,
  headerParams,
  place,
  soup,
  uri,
  uriParts,
} from "./inputs.ts";

const text = fc.oneof(bytes, soup, uri);

test(
  `a URI made of parts is taken apart into them (FUZZ_SEED=${SEED})`,
  { timeout: TIMEOUT_MS },
  () =>
    check(uriParts, (parts) => {
      const password = parts.user === undefined ? undefined : parts.password;
      const whole = { ...parts, password, opaque: "" };
      expect(parseUri(serializeUri(whole))).toEqual(whole);
    }),
);

test(
  `a URI that is taken apart is put together again (FUZZ_SEED=${SEED})`,
  { timeout: TIMEOUT_MS },
  () =>
    check(text, (written) => {
      const parsed = parseUri(written);
      expect(isUri(written)).toBe(parsed !== undefined);
      expect(parsed === undefined ? parsed : parseUri(serializeUri(parsed))).toEqual(parsed);
    }),
);

const nearlyIpv6 = fc
  .array(fc.constantFrom("0", "abcd", "12345", ":", "::", "1.2.3.4", ".", "g"), { maxLength: 20 })
  .map((parts) => parts.join(""));

test(`a host in brackets is one that can be compared (FUZZ_SEED=${SEED})`, {
  timeout: TIMEOUT_MS,
}, () => {
  check(fc.oneof(nearlyIpv6, fc.ipV6()), (address) => {
    expect(isHost(`[${address}]`)).toBe(parseIpv6(address) !== undefined);
  });
});

/** Two URIs that differ little. */
const uriPair = fc.tuple(uri, uri, place, fc.boolean()).map(([left, right, where, isCut]) => {
  const cut = Math.trunc(left.length * where);
  const near = isCut ? left.slice(0, cut) : left.slice(0, cut) + left.slice(cut).toUpperCase();
  return [left, right.length % 2 === 0 ? near : right] as const;
});

test(`comparing URIs is reflexive and symmetric (FUZZ_SEED=${SEED})`, { timeout: TIMEOUT_MS }, () =>
  check(uriPair, ([left, right]) => {
    const a = parseUri(left);
    const b = parseUri(right);
    expect(a === undefined || isEqualUri(a, a)).toBe(true);
    expect(isSameUri(left, right)).toBe(isSameUri(right, left));
    fc.pre(a !== undefined && b !== undefined);
    expect([isEqualUri(a, b), isEqualUri(b, a)]).toEqual([
      isSameUri(left, right),
      isSameUri(left, right),
    ]);
  }),
);

test(
  `the escape of a harmless character makes no difference (FUZZ_SEED=${SEED})`,
  { timeout: TIMEOUT_MS },
  () =>
    check(uri, (written) => {
      const escaped = written.replace(
        /[a-z](?=[^@]*@)/u,
        (letter) => `%${letter.charCodeAt(0).toString(16)}`,
      );
      if (escaped.startsWith("%")) return;
      expect(isSameUri(written, escaped)).toBe(true);
    }),
);

test(
  `an address made of parts is taken apart into them (FUZZ_SEED=${SEED})`,
  { timeout: TIMEOUT_MS },
  () =>
    check(fc.tuple(displayName, uri, headerParams), ([display, target, params]) => {
      const space = display === "" ? "" : " ";
      expect(parseNameAddr(`${display}${space}<${target}>${params}`)).toEqual({
        display,
        uri: target,
        params,
      });
    }),
);

test(
  `what is taken for an address has a URI and a list of parameters (FUZZ_SEED=${SEED})`,
  { timeout: TIMEOUT_MS },
  () =>
    check(text, (written) => {
      const parsed = parseNameAddr(written);
      if (parsed === undefined) return;
      expect([isUri(parsed.uri), isParamList(parsed.params)]).toEqual([true, true]);
    }),
);

test(
  `parameters are found by their names, the first of several (FUZZ_SEED=${SEED})`,
  { timeout: TIMEOUT_MS },
  () =>
    check(fc.array(headerParam), (params) => {
      const list = params
        .map(([name, value]) => `;${name}${value === undefined ? "" : `=${value}`}`)
        .join("");
      expect(isParamList(list)).toBe(true);
      expect(parseParams(list).map(({ name, value }) => [name, value])).toEqual(params);
      for (const [name] of params) {
        const first = params.find(([other]) => other.toLowerCase() === name.toLowerCase());
        expect(paramValue(list, name.toLowerCase())).toBe(first?.[1] ?? "");
      }
      expect(withoutParams(list, () => false)).toBe(list);
      expect(withoutParams(list, () => true)).toBe("");
    }),
);

test(`the parameters of any list follow one another (FUZZ_SEED=${SEED})`, {
  timeout: TIMEOUT_MS,
}, () => {
  check(text, (written) => {
    const list = `;${written}`;
    const params = parseParams(list);
    expect(params.every(({ start }) => list[start] === ";")).toBe(true);
    expect(params.every(({ start }, index) => start >= (params[index - 1]?.end ?? 0))).toBe(true);
    const missing = params.filter(({ name }) => paramValue(list, name.toLowerCase()) === undefined);
    expect(missing).toEqual([]);
  });
});

test(`a list is split where it was joined (FUZZ_SEED=${SEED})`, { timeout: TIMEOUT_MS }, () =>
  check(fc.array(fc.tuple(displayName, uri), { minLength: 1, maxLength: 20 }), (values) => {
    const written = values.map(([display, target]) => `${display}<${target}>`);
    expect(splitList(written.join(", "))).toEqual(written);
  }),
);

test(
  `no value of a split list is empty, and joined they are the list (FUZZ_SEED=${SEED})`,
  { timeout: TIMEOUT_MS },
  () =>
    check(text, (written) => {
      const values = splitList(written);
      if (values === undefined) return;
      expect(values.join(",")).toBe(
        written.replace(/[ \t]*,[ \t]*|^[ \t]+|[ \t]+$/gu, (found) => found.trim()),
      );
    }),
);

test(`what is quoted or escaped comes back (FUZZ_SEED=${SEED})`, { timeout: TIMEOUT_MS }, () =>
  check(bytes, (written) => {
    expect(unescapeUri(escapeUser(written))).toBe(written);
    expect(unescapeUri(escapeParam(written))).toBe(written);
    expect(unquote(quote(written))).toBe(written.replace(/[\r\n]+/gu, " "));
  }),
);
