// SPDX-License-Identifier: Apache-2.0
#include "actors/admin/openapi.hpp"

namespace posthorn {

const char* const openapi_document = R"json({
  "openapi": "3.0.3",
  "info": {
    "title": "Posthorn admin API",
    "version": "1",
    "description": "What operators see and order. JSON keys are stable; more may come."
  },
  "security": [{"admin_token": []}],
  "components": {
    "securitySchemes": {
      "admin_token": {"type": "http", "scheme": "bearer", "description": "admin_token of posthorn.yaml; none is asked for where none is set."},
      "page_password": {"type": "http", "scheme": "basic", "description": "Any user name; the admin token as the password."}
    },
    "parameters": {
      "service": {"name": "id", "in": "path", "required": true, "schema": {"type": "string"}, "description": "The id of a registration."}
    },
    "schemas": {
      "error": {
        "type": "object",
        "required": ["errcode", "error"],
        "properties": {"errcode": {"type": "string"}, "error": {"type": "string"}}
      },
      "service": {
        "type": "object",
        "properties": {
          "id": {"type": "string"},
          "number": {"type": "integer", "description": "Its number in the store."},
          "configured": {"type": "boolean", "description": "Whether a registration is loaded for it."},
          "url": {"type": "string", "nullable": true},
          "state": {"type": "string", "enum": ["UP", "DOWN", "PAUSED"]},
          "owner": {"type": "string", "description": "The node that delivers to it; empty: none."},
          "epoch": {"type": "integer"},
          "pending_events": {"type": "integer"},
          "pending_bytes": {"type": "integer"},
          "oldest_pending_seconds": {"type": "number", "nullable": true},
          "last_transaction": {"type": "string"},
          "transaction_open": {"type": "boolean"},
          "delivered_events": {"type": "integer"},
          "delivered_transactions": {"type": "integer"},
          "dead_letters": {"type": "integer", "description": "Items that it refused for good and that are set aside."},
          "failures": {"type": "integer", "description": "In a row."},
          "next_attempt_seconds": {"type": "number", "nullable": true},
          "last_error": {"type": "string"},
          "last_failure": {"type": "number", "nullable": true, "description": "Seconds since 1970."},
          "last_success": {"type": "number", "nullable": true}
        }
      },
      "dead_letter": {
        "type": "object",
        "properties": {
          "number": {"type": "integer", "description": "Grows: the order in which they were set aside."},
          "transaction": {"type": "string", "description": "Id of the transaction that was refused with it."},
          "kind": {"type": "string", "enum": ["event", "ephemeral", "to_device", "device_lists", "key_counts", "fallback_keys"]},
          "reason": {"type": "string"},
          "set_aside": {"type": "number", "description": "Seconds since 1970."},
          "received": {"type": "number"},
          "bytes": {"type": "integer"},
          "item": {"type": "string", "description": "Its JSON, as it came."}
        }
      },
      "actor": {
        "type": "object",
        "properties": {
          "name": {"type": "string"},
          "kind": {"type": "string"},
          "state": {"type": "string"},
          "handled": {"type": "integer"},
          "mailbox": {"type": "integer"},
          "mailbox_peak": {"type": "integer"},
          "busy_seconds": {"type": "number"},
          "longest_seconds": {"type": "number"},
          "running_seconds": {"type": "number"},
          "oldest_message_seconds": {"type": "number", "description": "Where more than 64 wait: at least that."},
          "no_progress_seconds": {"type": "number", "description": "While messages wait: how long none was finished."},
          "next_attempt_seconds": {"type": "number", "nullable": true, "description": "Of the actor of a service that is DOWN."},
          "problem": {"type": "string", "description": "That it does not answer; else empty."},
          "restarts": {"type": "integer"},
          "last_message": {"type": "string"}
        }
      },
      "finding": {
        "type": "object",
        "properties": {
          "file": {"type": "string"},
          "line": {"type": "integer", "description": "0: the whole file."},
          "field": {"type": "string"},
          "text": {"type": "string"}
        }
      }
    }
  },
  "paths": {
    "/health/live": {
      "get": {"summary": "Whether the process answers.", "security": [], "responses": {"200": {"description": "It does."}}}
    },
    "/health/ready": {
      "get": {"summary": "Whether transactions are taken.", "security": [], "responses": {"200": {"description": "They are."}, "503": {"description": "They are not; `reason` says why."}}}
    },
    "/": {
      "get": {"summary": "Status page for browsers. The admin token may be sent as the password of HTTP Basic, here only.", "security": [{"admin_token": []}, {"page_password": []}], "responses": {"200": {"description": "The page.", "content": {"text/html": {"schema": {"type": "string"}}}}, "401": {"description": "No token, or a wrong password."}, "403": {"description": "A wrong bearer token."}}}
    },
    "/metrics": {
      "get": {"summary": "Figures in Prometheus' text format. No token is asked for on loopback and on a unix socket.", "responses": {"200": {"description": "The figures.", "content": {"text/plain": {"schema": {"type": "string"}}}}}}
    },
    "/admin/v1/openapi.json": {
      "get": {"summary": "This document.", "responses": {"200": {"description": "It."}}}
    },
    "/admin/v1/services": {
      "get": {"summary": "All services that are configured or have a queue.", "responses": {"200": {"description": "A list.", "content": {"application/json": {"schema": {"type": "object", "properties": {"services": {"type": "array", "items": {"$ref": "#/components/schemas/service"}}}}}}}}}
    },
    "/admin/v1/services/{id}": {
      "get": {"summary": "One service.", "parameters": [{"$ref": "#/components/parameters/service"}], "responses": {"200": {"description": "It.", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/service"}}}}, "404": {"description": "No service of that id."}}}
    },
    "/admin/v1/services/{id}/retry": {
      "post": {"summary": "Attempt now what waits for its next attempt.", "parameters": [{"$ref": "#/components/parameters/service"}], "responses": {"200": {"description": "`attempted`: whether there was something to attempt."}, "404": {"description": "No service of that id."}, "409": {"description": "Nothing is sent to it."}, "503": {"description": "The node that delivers to it, or that may, did not answer."}}}
    },
    "/admin/v1/services/{id}/pause": {
      "post": {"summary": "Stop sending to it; events are kept.", "parameters": [{"$ref": "#/components/parameters/service"}], "responses": {"200": {"description": "Stopped, also after a restart."}, "404": {"description": "No service of that id."}, "409": {"description": "Nothing is sent to it."}, "503": {"description": "The node that delivers to it, or that may, did not answer."}}}
    },
    "/admin/v1/services/{id}/resume": {
      "post": {"summary": "Send to it again.", "parameters": [{"$ref": "#/components/parameters/service"}], "responses": {"200": {"description": "Sending."}, "404": {"description": "No service of that id."}, "409": {"description": "Nothing is sent to it."}, "503": {"description": "The node that delivers to it, or that may, did not answer."}}}
    },
    "/admin/v1/dead": {
      "get": {"summary": "How many dead letters each service has.", "responses": {"200": {"description": "`services` with `id`, `dead_letters` and `bytes`: those that have any."}}}
    },
    "/admin/v1/dead/{id}": {
      "get": {"summary": "Dead letters of a service, oldest first, a page.", "parameters": [{"$ref": "#/components/parameters/service"}, {"name": "after", "in": "query", "schema": {"type": "integer"}, "description": "Those with a larger number."}], "responses": {"200": {"description": "A page; `more`: whether there are others behind it.", "content": {"application/json": {"schema": {"type": "object", "properties": {"id": {"type": "string"}, "letters": {"type": "array", "items": {"$ref": "#/components/schemas/dead_letter"}}, "more": {"type": "boolean"}}}}}}, "404": {"description": "No service of that id."}}}
    },
    "/admin/v1/dead/{id}/skip": {
      "post": {"summary": "Set the head transaction aside, so that the rest flows.", "parameters": [{"$ref": "#/components/parameters/service"}], "responses": {"200": {"description": "`skipped`: done. `when_refused`: it is being sent, and set aside if that fails. `asked`: the node that delivers is asked through the store, and sets aside what is open now within a second, unless it is accepted before. None of them: nothing was there to set aside."}, "404": {"description": "No service of that id."}, "409": {"description": "Nothing is sent to it."}, "503": {"description": "The node that delivers to it, or that may, did not answer."}}}
    },
    "/admin/v1/dead/{id}/replay": {
      "post": {"summary": "Put dead letters back at the end of the queue.", "parameters": [{"$ref": "#/components/parameters/service"}, {"name": "txn", "in": "query", "schema": {"type": "string"}, "description": "Only those of this transaction."}], "responses": {"200": {"description": "`letters`: how many."}, "404": {"description": "No such service, or no dead letter of that transaction."}}}
    },
    "/admin/v1/dead/{id}/drop": {
      "post": {"summary": "Delete the dead letters of a transaction.", "parameters": [{"$ref": "#/components/parameters/service"}, {"name": "txn", "in": "query", "required": true, "schema": {"type": "string"}}], "responses": {"200": {"description": "`letters`: how many."}, "400": {"description": "Without `txn`."}, "404": {"description": "No such service, or no dead letter of that transaction."}}}
    },
    "/admin/v1/actors": {
      "get": {"summary": "What every actor of every node does.", "responses": {"200": {"description": "By node.", "content": {"application/json": {"schema": {"type": "object", "properties": {"nodes": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}, "version": {"type": "string"}, "address": {"type": "string"}, "state": {"type": "string"}, "answered": {"type": "boolean"}, "problem": {"type": "string", "description": "Why it did not answer."}, "uptime_seconds": {"type": "number"}, "actors_left_out": {"type": "integer"}, "actors": {"type": "array", "items": {"$ref": "#/components/schemas/actor"}}}}}, "services": {"type": "array", "items": {"$ref": "#/components/schemas/service"}}, "totals": {"type": "object"}}}}}}}}
    },
    "/admin/v1/store": {
      "get": {"summary": "Size and counts of the store.", "responses": {"200": {"description": "`id`, `sorter` (the node that sorts), `used_bytes`, `capacity_bytes`, `pool_batches`, `sorter_cursor`, `corrupt_records`, `dead_letters`."}}}
    },
    "/admin/v1/import": {
      "post": {"summary": "What was true of rooms before the feed told of them: JSON, an object a line. Only the node that sorts takes it.", "responses": {"200": {"description": "Stored. `lines`, and of them `changed`, `same`, `outdated` (the feed has said something newer), `ignored`, `bad`; `errors` with `line` and `error`."}, "409": {"description": "Nothing of it is imported: another node sorts. `sorter`: its name; `admin`: the URL of its admin API, empty where that is not known."}, "503": {"description": "Nothing of it is imported: no node sorts at the moment, or the store failed."}}}
    },
    "/admin/v1/trace/{id}": {
      "get": {"summary": "Where an event is. Looks through all that waits in the store, for at most 5 s, and through what this node remembers of its deliveries.", "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}, "description": "The event's id, percent-encoded."}], "responses": {"200": {"description": "`found`: whether it is known at all. Times are seconds since 1970.", "content": {"application/json": {"schema": {"type": "object", "properties": {
        "event_id": {"type": "string"},
        "found": {"type": "boolean"},
        "complete": {"type": "boolean", "description": "Whether all that waits was looked at."},
        "examined_records": {"type": "integer"},
        "unreadable_records": {"type": "integer", "description": "Records that did not match their checksum."},
        "seconds": {"type": "number", "description": "How long the look took."},
        "pool": {"type": "array", "description": "Taken in, and not sorted yet.", "items": {"type": "object", "properties": {"batch": {"type": "integer"}, "feed": {"type": "string", "description": "A service's id; empty: the catch-all feed."}, "received": {"type": "number"}}}},
        "queues": {"type": "array", "description": "Waiting.", "items": {"type": "object", "properties": {"service": {"type": "string"}, "received": {"type": "number"}, "before": {"type": "integer", "description": "Items that stand before it."}, "transaction": {"type": "string", "nullable": true, "description": "The open transaction that it is in."}, "failures": {"type": "integer", "description": "Of the service, in a row."}, "next_attempt_seconds": {"type": "number", "nullable": true}, "paused": {"type": "boolean"}}}},
        "dead": {"type": "array", "items": {"type": "object", "properties": {"service": {"type": "string"}, "number": {"type": "integer"}, "transaction": {"type": "string"}, "reason": {"type": "string"}, "set_aside": {"type": "number"}, "received": {"type": "number"}}}},
        "delivered": {"type": "array", "description": "Accepted by the service, as far as this node remembers.", "items": {"type": "object", "properties": {"service": {"type": "string"}, "transaction": {"type": "string"}, "accepted": {"type": "number"}}}},
        "memory": {"type": "object", "properties": {"node": {"type": "string"}, "since": {"type": "number", "description": "It reaches back to here. Other nodes and earlier lives are not covered."}, "events": {"type": "integer"}, "capacity": {"type": "integer"}, "passed_over": {"type": "integer", "description": "Transactions that were not noted, since too many came at once."}, "problem": {"type": "string"}}}
      }}}}}, "400": {"description": "An id that is too long."}, "429": {"description": "Another trace is under way."}, "503": {"description": "The store cannot be read."}}}
    },
    "/admin/v1/reload": {
      "post": {"summary": "Read the configuration and registrations again, as SIGHUP does.", "responses": {"200": {"description": "`services`, `started`, `stopped`, and `warnings` about files."}, "400": {"description": "Nothing has changed; `errors` has every error of every file.", "content": {"application/json": {"schema": {"allOf": [{"$ref": "#/components/schemas/error"}, {"type": "object", "properties": {"errors": {"type": "array", "items": {"$ref": "#/components/schemas/finding"}}, "warnings": {"type": "array", "items": {"$ref": "#/components/schemas/finding"}}}}]}}}}}}
    }
  }
})json";

} // namespace posthorn
