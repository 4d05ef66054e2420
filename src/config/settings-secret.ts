/** The schema of the secrets that everything keyed depends on. */
import { z } from "zod";
import { leaf, Refusal, text } from "./leaf.ts";

/** A key shorter than this could be found by trying. */
const MIN_SECRET_LENGTH = 16;
/** What the present secret does not open is tried with each of them. */
const MAX_OLDER_SECRETS = 3;

function parseSecret(value: string): string | Refusal {
  if (value.length >= MIN_SECRET_LENGTH) return value;
  return new Refusal(`must have at least ${MIN_SECRET_LENGTH} characters`);
}

export const secretSettings = {
  secret: leaf(parseSecret, {
    description: "Key of the contact identifiers. Without one, midreg makes and keeps its own.",
  }).optional(),
  secret_file: text("File that holds the secret.").optional(),
  secret_previous: z
    .array(
      leaf(parseSecret, {
        description: "A secret from before, which opens what was made with it. Newest first.",
      }),
    )
    .max(MAX_OLDER_SECRETS, `must have at most ${MAX_OLDER_SECRETS} items`)
    .meta({ isWhole: true })
    .prefault([]),
  secret_previous_file: text("File that holds the secrets from before, one a line.").optional(),
};
