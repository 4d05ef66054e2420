/**
 * The fake push provider in a process of its own: of each push it tells the devices' process by a datagram, "DEVICE
 * MOMENT", since nothing else would be as quick.
 */
import { createSocket } from "node:dgram";
import { PushServer } from "../../src/devserver/push-server.ts";
import { serve } from "./child.ts";
import { monotonicUs } from "./monotonic.ts";
import { deviceOfToken } from "./wake-message.ts";

export interface ProviderStart {
  readonly directory: string;
  readonly noticePort: number;
}

export interface ProviderReady {
  /** What midreg.yaml has to say to push there. */
  readonly snippet: string;
  readonly teamId: string;
}

serve({
  async start({ directory, noticePort }: ProviderStart): Promise<ProviderReady> {
    const socket = createSocket({
      type: "udp4",
      lookup: (hostname, _options, done) => done(null, hostname, 4),
    });
    const server = new PushServer({
      address: "127.0.0.1",
      port: 0,
      directory,
      onPush: ({ token }) => {
        const device = deviceOfToken(token);
        if (device !== undefined)
          socket.send(`${device} ${monotonicUs()}`, noticePort, "127.0.0.1");
      },
    });
    await server.start();
    return { snippet: server.snippet, teamId: server.keys.apns.teamId };
  },
});
