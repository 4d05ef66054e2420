import type { Command as Commander } from "commander";

/** What an operator asks of a running midreg. Texts are as typed. */
export type Operation =
  | { readonly name: "list"; readonly prefix: string; readonly limit: string | undefined }
  | { readonly name: "dump"; readonly prefix: string }
  | { readonly name: "show" | "rm"; readonly aor: string }
  | { readonly name: "rm-contact"; readonly aor: string; readonly contact: string }
  | {
      readonly name: "add";
      readonly aor: string;
      readonly contact: string;
      readonly expires: string | undefined;
      readonly q: string | undefined;
    }
  | {
      readonly name: "resync";
      readonly aor: string | undefined;
      readonly upstream: string | undefined;
      readonly rate: string | undefined;
    }
  | { readonly name: "resync-status" | "resync-stop" }
  | { readonly name: "push-test"; readonly aor: string; readonly contact: string | undefined };

/** An operation, and the running midreg that is meant. */
export interface OperatorCommand {
  readonly kind: "operate";
  readonly operation: Operation;
  /** Its admin listener; undefined when it is to be taken from the configuration. */
  readonly admin: string | undefined;
  readonly configFile: string | undefined;
  readonly isJson: boolean;
}

type Take = (command: OperatorCommand) => void;
type Values = Readonly<Record<string, unknown>>;

/** Adds the commands that talk to a running midreg. */
export function addOperatorCommands(program: Commander, take: Take): void {
  addAorCommands(program, take);
  addPushCommands(program, take);
  const resync = program
    .command("resync")
    .description("register everything anew at a main registrar that has lost its memory")
    .option("--aor <AOR>", "only this address-of-record")
    .option("--upstream <URI>", "only what went to this main registrar or domain")
    .option("--rate <N>", "REGISTERs a second")
    .option("--status", "show how far a resync is")
    .option("--stop", "send no more");
  withTarget(resync).action((values: Values) => {
    const name = values["stop"] === true ? "resync-stop" : "resync-status";
    const isOther = values["stop"] === true || values["status"] === true;
    const [aor, upstream, rate] = [values["aor"], values["upstream"], values["rate"]].map(textOf);
    take(commandOf(isOther ? { name } : { name: "resync", aor, upstream, rate }, values));
  });
}

function addAorCommands(program: Commander, take: Take): void {
  const aors = program.command("aor").description("look at and change what is registered");
  withTarget(
    aors
      .command("list")
      .description("list addresses-of-record")
      .option("--prefix <TEXT>", "only those that begin with it")
      .option("--limit <N>", "at most so many (1000)"),
  ).action((values: Values) => {
    const limit = textOf(values["limit"]);
    take(commandOf({ name: "list", prefix: textOf(values["prefix"]) ?? "", limit }, values));
  });
  withTarget(
    aors
      .command("dump")
      .description("write out every contact of every address-of-record")
      .option("--prefix <TEXT>", "only those that begin with it"),
  ).action((values: Values) => {
    take(commandOf({ name: "dump", prefix: textOf(values["prefix"]) ?? "" }, values));
  });
  withTarget(
    aors
      .command("show")
      .argument("<AOR>", "user@domain")
      .description("show an address-of-record: its contacts and the recent decisions"),
  ).action((aor: string, values: Values) => take(commandOf({ name: "show", aor }, values)));
  withTarget(
    aors
      .command("rm")
      .argument("<AOR>", "user@domain")
      .description("remove an address-of-record, here and upstream"),
  ).action((aor: string, values: Values) => take(commandOf({ name: "rm", aor }, values)));
  withTarget(
    aors
      .command("rm-contact")
      .argument("<AOR>", "user@domain")
      .argument("<CONTACT>", "contact identifier (ruid) or contact URI")
      .description("remove one contact, here and upstream"),
  ).action((aor: string, contact: string, values: Values) =>
    take(commandOf({ name: "rm-contact", aor, contact }, values)),
  );
  withTarget(
    aors
      .command("add")
      .argument("<AOR>", "user@domain")
      .argument("<CONTACT>", "contact URI")
      .option("--expires <SECONDS>", "lifetime (3600)")
      .option("--q <Q>", "preference, 0 to 1")
      .description("register a contact by hand, here and upstream"),
  ).action((aor: string, contact: string, values: Values) => {
    const [expires, q] = [values["expires"], values["q"]].map(textOf);
    take(commandOf({ name: "add", aor, contact, expires, q }, values));
  });
}

function addPushCommands(program: Commander, take: Take): void {
  const push = program.command("push").description("try out the push providers");
  withTarget(
    push
      .command("test")
      .argument("<AOR>", "user@domain")
      .option("--contact <CONTACT>", "only this one, by contact identifier (ruid) or contact URI")
      .description("push to its devices, and say what their providers said"),
  ).action((aor: string, values: Values) =>
    take(commandOf({ name: "push-test", aor, contact: textOf(values["contact"]) }, values)),
  );
}

/** The options that all of them have. */
function withTarget(command: Commander): Commander {
  return command
    .option("--admin <IP:PORT>", "admin listener of the running midreg (127.0.0.1:8080)")
    .option("--config <FILE>", "configuration file to take it from")
    .option("--json", "write JSON");
}

function commandOf(operation: Operation, values: Values): OperatorCommand {
  return {
    kind: "operate",
    operation,
    admin: textOf(values["admin"]),
    configFile: textOf(values["config"]),
    isJson: values["json"] === true,
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
