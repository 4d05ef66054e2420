import { answer, type Received, type Reply } from "./endpoint.ts";
import { type FailureList, toFailure } from "./failures.ts";
import { parseObject } from "./verify-token.ts";

/** What the control endpoint has its hands on. */
export interface Controlled {
  readonly failures: FailureList;
  /** The lines that were printed about pushes. */
  readonly lines: readonly object[];
  readonly revokeTokens: () => void;
}

/** How a test or a user tells the running provider what to do. */
export function control({ method, path, body }: Received, controlled: Controlled): Reply {
  const { failures, lines, revokeTokens } = controlled;
  switch (`${method} ${path}`) {
    case "GET /control/pushes":
      return answer(200, { pushes: lines });
    case "POST /control/failures": {
      const failure = toFailure(parseObject(body));
      const isAdded = failure !== undefined && failures.add(failure);
      return isAdded ? answer(204) : answer(400, { error: "there is no such failure" });
    }
    case "DELETE /control/failures":
      failures.clear();
      return answer(204);
    case "DELETE /control/tokens":
      revokeTokens();
      return answer(204);
    default:
      return answer(404, { error: "see the manual, dev push-server" });
  }
}
