// SPDX-License-Identifier: Apache-2.0
// A bridge on the unmodified npm package matrix-appservice 2.0.0: prints a JSON
// line for each event and other part that the library hands to the application.
//
// Environment: HS_TOKEN, PORT; NODE_PATH names the node_modules folder.
const { AppService } = require("matrix-appservice");

const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const service = new AppService({ homeserverToken: process.env.HS_TOKEN });

service.on("event", (event) => say({ kind: "event", id: event.event_id }));
service.on("ephemeral", (part) => say({ kind: "part", name: "ephemeral", part }));
service.listen(Number(process.env.PORT), "127.0.0.1", 10,
               () => say({ kind: "listening" }));
