/**
 * The dependency rule, as a table: each room and the rooms it may import.
 * A room may always import itself. Everything not listed is an error.
 */
const PURE = {
  sip: [],
  location: ["sip"],
  transaction: ["sip"],
  auth: ["sip"],
  pattern: [],
  effect: ["sip", "location"],
  registrar: ["sip", "location", "pattern", "effect"],
  proxy: ["sip", "location", "effect"],
  push: ["sip", "location", "effect"],
};
const SHELL = {
  ports: ["sip", "location"],
  config: ["pattern"],
  server: [...Object.keys(PURE), "ports"],
  transport: ["sip", "location", "ports"],
  store: ["sip", "location", "ports"],
  gateway: ["location", "ports"],
  devserver: [],
  metrics: ["ports"],
  http: ["sip", "location", "ports"],
  cli: [
    ...Object.keys(PURE),
    "ports",
    "config",
    "server",
    "transport",
    "store",
    "gateway",
    "metrics",
    "http",
    "devserver",
  ],
  main: ["cli"],
};
const room = (name) => `^src/${name}(/|\\.ts$)`;
const only = (name, allowed) => ({
  name: `${name}-imports`,
  comment: `src/${name} may import: ${allowed.join(", ") || "nothing else in src"}.`,
  severity: "error",
  from: { path: room(name) },
  to: { path: "^src/", pathNot: [name, ...allowed].map(room) },
});
const pure = Object.keys(PURE).map(room);

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden: [
    ...Object.entries({ ...PURE, ...SHELL }).map(([name, allowed]) => only(name, allowed)),
    {
      name: "pure-no-node",
      severity: "error",
      from: { path: pure, pathNot: room("auth") },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "auth-only-hashes",
      severity: "error",
      from: { path: room("auth") },
      to: { dependencyTypes: ["core"], pathNot: "^crypto$" },
    },
    {
      name: "pure-no-npm",
      severity: "error",
      from: { path: pure },
      to: { dependencyTypes: ["npm", "npm-dev", "npm-optional", "npm-peer", "npm-no-pkg"] },
    },
    {
      name: "sqlite-stays-in-store",
      severity: "error",
      from: { pathNot: room("store") },
      to: { path: "node_modules/better-sqlite3" },
    },
    {
      name: "ws-stays-in-transport",
      severity: "error",
      from: { pathNot: room("transport") },
      to: { path: "node_modules/ws/" },
    },
    {
      name: "prom-client-stays-in-metrics",
      severity: "error",
      from: { pathNot: room("metrics") },
      to: { path: "node_modules/prom-client" },
    },
    {
      name: "pino-stays-in-cli",
      severity: "error",
      from: { pathNot: room("cli") },
      to: { path: "node_modules/pino/" },
    },
    {
      name: "redis-stays-in-store",
      severity: "error",
      from: { pathNot: room("store") },
      to: { path: "node_modules/(ioredis|iovalkey)" },
    },
    { name: "no-circular", severity: "error", from: {}, to: { circular: true } },
    {
      name: "no-orphans",
      severity: "error",
      from: { orphan: true, pathNot: ["^src/console/"] },
      to: {},
    },
    { name: "no-unresolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
    {
      name: "no-dev-dependency-in-src",
      severity: "error",
      from: { path: "^src" },
      to: { dependencyTypes: ["npm-dev"], pathNot: "node_modules/@types/" },
    },
  ],
  options: {
    parser: "swc",
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "require", "node", "default", "types"],
    },
  },
};
