// SPDX-License-Identifier: Apache-2.0
// A bridge on the unmodified npm package matrix-bot-sdk 0.7.1: prints a JSON line
// for each event and other part that the library hands to the application. It remembers the ids
// of transactions in a file, and answers 200 without delivering when one comes
// again.
//
// Environment: HS_TOKEN, PORT, STORE (the file); NODE_PATH names the node_modules
// folder.
const Module = require("module");

// The end-to-end encryption addon fetches its binary from outside npm in an install
// script, which is not run. It is never used here: an empty stand-in for that one
// module lets the rest of the package load as it is.
const addon = "@matrix-org/matrix-sdk-crypto-nodejs";
try {
  require(addon);
} catch {
  const empty = new Proxy(class {}, {
    get: (target, key) => {
      if (key === "prototype") return target.prototype;
      return key === "__esModule" ? false : class {};
    },
  });
  const load = Module._load;
  Module._load = function (name, ...rest) {
    return name === addon ? empty : load.call(this, name, ...rest);
  };
}

const sdk = require("matrix-bot-sdk");

const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");
sdk.LogService.setLevel(sdk.LogLevel.ERROR);
const service = new sdk.Appservice({
  port: Number(process.env.PORT),
  bindAddress: "127.0.0.1",
  homeserverName: "example.org",
  homeserverUrl: "http://127.0.0.1:1",
  // false: ids go into the file, all of them, instead of the newest 20 in memory.
  storage: new sdk.SimpleFsStorageProvider(process.env.STORE, false),
  registration: {
    as_token: "as_bridge",
    hs_token: process.env.HS_TOKEN,
    sender_localpart: "bridgebot",
    namespaces: {
      users: [{ exclusive: true, regex: "@_irc_.*:example\\.org" }],
      rooms: [],
      aliases: [],
    },
  },
});

service.on("room.event", (room, event) => say({ kind: "event", id: event.event_id }));
for (const [name, emitted] of Object.entries({
  ephemeral: "ephemeral.event", // to-device messages, too
  device_lists: "device_lists",
  counts: "otk.counts",
  fallback: "otk.unused_fallback_keys",
}))
  service.on(emitted, (part) => say({ kind: "part", name, part }));
// begin() registers its bot at a homeserver that is not there; the web server runs
// all the same.
service.begin().catch(() => undefined).then(() => say({ kind: "listening" }));
process.on("unhandledRejection",
           (why) => say({ kind: "unhandled", text: String(why) }));
