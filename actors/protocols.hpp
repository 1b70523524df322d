// SPDX-License-Identifier: Apache-2.0
// Every actor's interface, in the order in which an event meets them. The first
// file to read.
//
//   intake -> pool -> storage            a feed transaction becomes durable
//   sorter -> pool -> sorter -> storage  once a second it is routed to queues
//   sorter -> service                    "there is something for you", with it
//   service -> storage -> service        or the next transaction, stored
//   service -> courier -> service        sent, and how it ended
//   service -> tracer                    what was delivered, for who asks
//   sorter -> links -> link ~> gate -> service   the same on another node
//
// Requests within a node to the pool, storage and courier always end: storage
// answers when its commit has, the courier keeps a deadline.
#pragma once

#include "actors/cluster/peer.hpp"
#include "actors/cluster/wire.hpp"
#include "actors/metrics/census.hpp"
#include "messages/batch.hpp"
#include "messages/errors.hpp"
#include "messages/event_trace.hpp"
#include "messages/exchange.hpp"
#include "messages/registration.hpp"
#include "messages/tenure.hpp"
#include "messages/transaction.hpp"
#include "storage/store.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/atom.hpp>
#include <caf/duration.hpp>
#include <caf/fwd.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

namespace posthorn {

using peek_atom = caf::atom_constant<caf::atom("peek")>;
using poll_atom = caf::atom_constant<caf::atom("poll")>;
using arrived_atom = caf::atom_constant<caf::atom("arrived")>;
using gather_atom = caf::atom_constant<caf::atom("gather")>;
using wake_atom = caf::atom_constant<caf::atom("wake")>;
using attempt_atom = caf::atom_constant<caf::atom("attempt")>;
using retry_atom = caf::atom_constant<caf::atom("retry")>;
using pause_atom = caf::atom_constant<caf::atom("pause")>;
using skip_atom = caf::atom_constant<caf::atom("skip")>;
using drain_atom = caf::atom_constant<caf::atom("drain")>;
using send_atom = caf::atom_constant<caf::atom("send")>;
using done_atom = caf::atom_constant<caf::atom("done")>;
using commit_atom = caf::atom_constant<caf::atom("commit")>;
using tick_atom = caf::atom_constant<caf::atom("tick")>;
using look_atom = caf::atom_constant<caf::atom("look")>;
using dump_atom = caf::atom_constant<caf::atom("dump")>;
using dial_atom = caf::atom_constant<caf::atom("dial")>;
using find_atom = caf::atom_constant<caf::atom("find")>;
using flush_atom = caf::atom_constant<caf::atom("flush")>;

struct directory;

/// Which services there are and who speaks for them; replaced whole, never
/// changed.
using directory_ptr = std::shared_ptr<const directory>;

/// The node's actors as they were at one moment.
using actor_dump = std::vector<actor_snapshot>;

/// Is told that something new lies in the pool.
using arrival_listener = caf::typed_actor<caf::reacts_to<arrived_atom>>;

/// Lets feed transactions in, as long as the node can take them.
using intake_actor = caf::typed_actor<
  // Makes a feed transaction durable. The answer means: it is on disk.
  // Errors: draining, overloaded, store_full, store_failed.
  caf::replies_to<storage::append>::with<receipt>,
  // From now on every append is refused as draining.
  caf::replies_to<drain_atom>::with<storage::nothing_more>>;

/// The event pool: what is durable and not yet sorted. Holds none of it in
/// memory.
using pool_actor = caf::typed_actor<
  // As for the intake. Errors: store_full, store_failed.
  caf::replies_to<storage::append>::with<receipt>,
  // The oldest of what the sorter has not taken, a page at most. Nothing is
  // taken by looking: the sorter's routing moves the cursor.
  // Errors: store_failed, store_corrupt.
  caf::replies_to<peek_atom>::with<pool_page_ptr>>;

/// Is told which services got something to deliver.
using elsewhere_listener = caf::typed_actor<caf::reacts_to<service_ids_ptr>>;

/// Decides for whom each item is. One in the cluster at a time, by its lease.
using sorter_actor = caf::typed_actor<
  // Something is new in the pool: poll now instead of at the next second.
  caf::reacts_to<arrived_atom>,
  // The set of services has changed. Holds from the next page on.
  caf::reacts_to<directory_ptr>,
  // This node sorts from now on, or not any more. What is known of rooms is
  // read anew.
  caf::reacts_to<tenure>,
  // Whom to tell about services that other nodes deliver to.
  caf::reacts_to<elsewhere_listener>,
  // Stores what was true of rooms before the feed told of them, between two
  // pages: the sorter decides by it from the next page on. Its own epoch is
  // put in. Errors: draining, lease_held (another node sorts), fenced,
  // store_full, store_failed.
  caf::replies_to<storage::learn>::with<storage::learned>,
  // Finishes the page in hand and takes no other; answers when that is done.
  caf::replies_to<drain_atom>::with<storage::nothing_more>,
  // To itself, once a poll interval.
  caf::reacts_to<poll_atom>,
  // To itself: what arrives has been let gather for long enough.
  caf::reacts_to<gather_atom>>;

/// What came of an order to set the head transaction aside.
enum class skip_answer : std::uint8_t {
  /// No transaction is open: nothing was there to set aside.
  nothing_open = 0,
  done = 1,
  /// It is being sent: it will be set aside if that attempt fails.
  when_refused = 2,
  /// Another node delivers, and is asked through the store: it sets aside the
  /// transaction that is open now, unless that is accepted before.
  asked = 3,
};

/// Delivers one application service's transactions, in order, one at a time.
/// Two behaviours: UP, sending; DOWN, waiting to try again. In either it stands
/// by while another node has the lease: then it sends nothing, and asks the
/// owner through the store for what it is asked for.
using service_actor = caf::typed_actor<
  // Something is in the queue.
  caf::reacts_to<wake_atom>,
  // The same, with what was cut of it: sent without asking the store, if it is
  // newer than all that was in hand and was cut under the lease of now.
  caf::reacts_to<wake_atom, handed_transaction>,
  // Attempt now what waits for its next attempt; while an attempt is open, make
  // the next one at once if it fails. The answer says whether there was
  // something to attempt. A failure goes on with the backoff where it was.
  caf::replies_to<retry_atom>::with<bool>,
  // Stops (true) or restarts (false) sending, durably. Errors: store_failed.
  caf::replies_to<pause_atom, bool>::with<storage::nothing_more>,
  // Sets the head transaction aside: its items become dead letters, so that the
  // rest flows. The answer says what came of it. Errors: store_failed,
  // lease_held (no node delivers at the moment, so none can be asked).
  caf::replies_to<skip_atom>::with<skip_answer>,
  // The same, asked through the store some time ago: only if the head is still
  // the transaction that was meant then, by service_call::transaction.
  caf::replies_to<skip_atom, std::uint32_t>::with<skip_answer>,
  // Another URL, token or settings: used from the next attempt on.
  caf::reacts_to<service_config_ptr>,
  // This node delivers from now on, or not any more.
  caf::reacts_to<tenure>,
  // Finishes what is open and sends nothing more; answers when that is done.
  caf::replies_to<drain_atom>::with<storage::nothing_more>,
  // To itself: the backoff is over. Carries the number of the pause it belongs
  // to, since a timer cannot be called back.
  caf::reacts_to<attempt_atom, std::uint64_t>>;

/// Remembers for a while which service accepted an event. Whoever tells it asks
/// its trace_backlog first.
using tracer_actor = caf::typed_actor<
  // A service has accepted this, and the store has taken it out.
  caf::reacts_to<accepted_note>,
  // What is remembered of an event, by its id.
  caf::replies_to<find_atom, std::string>::with<delivery_memory>>;

/// Makes all outgoing HTTP requests.
using courier_actor = caf::typed_actor<
  // Makes one request. Always answered, at the latest when the exchange's
  // timeouts have passed.
  caf::replies_to<send_atom, exchange_ptr>::with<answer_ptr>,
  // From its own loop: the exchange with this ticket has ended.
  caf::reacts_to<done_atom, std::uint64_t, answer_ptr>>;

/// Writes to the store: gathers what is waiting into one commit, and answers
/// all of it when that is on disk. Each message is one mutation of
/// storage/store.hpp, where its answer and errors stand.
using storage_actor = caf::typed_actor<
  caf::replies_to<storage::append>::with<receipt>,
  caf::replies_to<storage::route>::with<routed>,
  caf::replies_to<storage::next>::with<outbound_ptr>,
  caf::replies_to<storage::complete>::with<outbound_ptr>,
  caf::replies_to<storage::fail>::with<storage::nothing_more>,
  caf::replies_to<storage::set_paused>::with<storage::nothing_more>,
  caf::replies_to<storage::enroll>::with<storage::enrolled>,
  caf::replies_to<storage::open_session>::with<session>,
  caf::replies_to<storage::heartbeat>::with<storage::nothing_more>,
  caf::replies_to<storage::close_session>::with<storage::nothing_more>,
  caf::replies_to<storage::take_lease>::with<lease>,
  caf::replies_to<storage::give_lease>::with<storage::nothing_more>,
  caf::replies_to<storage::call>::with<storage::called>,
  caf::replies_to<storage::take_calls>::with<storage::calls>,
  caf::replies_to<storage::learn>::with<storage::learned>,
  caf::replies_to<storage::recut>::with<outbound_ptr>,
  caf::replies_to<storage::set_aside>::with<outbound_ptr>,
  caf::replies_to<storage::replay>::with<storage::moved>,
  caf::replies_to<storage::drop>::with<storage::moved>,
  // Tells this listener after each commit that took a feed transaction in.
  caf::reacts_to<arrival_listener>,
  // To itself: commit what has been gathered.
  caf::reacts_to<commit_atom>>;

/// The cluster as it was at one moment.
using cluster_view_ptr = std::shared_ptr<const cluster_view>;

/// Is told of the cluster when it registers, and with each change.
using cluster_listener = caf::typed_actor<caf::reacts_to<cluster_view_ptr>>;

/// This node's part in the cluster: its session, and which leases it holds.
/// Everything goes through the store; nobody has to be told of anything.
using cluster_actor = caf::typed_actor<
  // Tells this listener from now on.
  caf::reacts_to<cluster_listener>,
  // Something may have happened: looks now instead of at the next tick whether
  // nodes came or went, and whether somebody calls.
  caf::reacts_to<look_atom>,
  // The set of services has changed.
  caf::reacts_to<directory_ptr>,
  // Gives everything back, each thing when what is open has ended, and leaves;
  // answers when that is done.
  caf::replies_to<drain_atom>::with<storage::nothing_more>,
  // To itself: look after the session and the leases.
  caf::reacts_to<tick_atom>,
  // To itself: look whether somebody calls.
  caf::reacts_to<poll_atom>>;

/// The actor dump. Reads counters only and asks nobody, so that it answers
/// while others are stuck; spawned detached.
using metrics_actor
  = caf::typed_actor<caf::replies_to<dump_atom>::with<actor_dump>>;

/// What a node answers to the others; the only actor that they can reach. Its
/// interface is the protocol between nodes: it may get more messages, and none
/// is taken away or changed (actors/cluster/wire.hpp).
using gate_actor = caf::typed_actor<
  // Who is there.
  caf::replies_to<wire::hello_v1>::with<wire::hello_v1>,
  // These services got something. Those that are not delivered here are passed
  // over. Errors: too_large.
  caf::replies_to<wire::wake_v1>::with<wire::woken_v1>,
  // Carries out an order if the service is delivered here.
  caf::replies_to<wire::order_v1>::with<wire::ordered_v1>,
  // A page of the actor dump.
  caf::replies_to<wire::ask_page_v1>::with<wire::page_v1>>;

/// What another node says of itself when it has connected.
struct greeting {
  std::string node;
  std::string address;
  gate_actor gate;
};

/// The connection to one other node. Two behaviours: DIALLING and UP.
using link_actor = caf::typed_actor<
  // Passes a wake-up on, if the node is there: one that is not finds its queues
  // by itself when it comes.
  caf::reacts_to<service_ids_ptr>,
  // The node has connected by itself: that connection serves.
  caf::reacts_to<greeting>,
  // Asks the node to carry out an order. Errors: bad_address (not linked, or no
  // answer in time).
  caf::replies_to<order>::with<order_outcome>,
  // The node's dump; `problem` says so where it does not answer in time.
  caf::replies_to<dump_atom>::with<node_dump_ptr>,
  // To itself: connect. Carries the number of the attempt.
  caf::reacts_to<dial_atom, std::uint64_t>>;

/// All links of the node.
using links_actor = caf::typed_actor<
  // These are the other nodes now: links to new ones are made, those to nodes
  // that are not in the list end. Nodes of `cluster.peers` are always linked.
  caf::reacts_to<peer_list_ptr>,
  // Another node has connected.
  caf::reacts_to<greeting>,
  // These services got something: tells the other nodes, what comes at once in
  // one message.
  caf::reacts_to<service_ids_ptr>,
  // Has the node that delivers to a service carry out an order. Always
  // answered, in at most order_patience (actors/cluster/link.hpp).
  caf::replies_to<order>::with<order_outcome>,
  // The dumps of all other nodes. Always answered, in at most dump_patience.
  caf::replies_to<dump_atom>::with<cluster_dump>,
  // To itself: send what was gathered.
  caf::reacts_to<flush_atom>>;

} // namespace posthorn

// These never leave the process: they travel by pointer or hold clock values.
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::storage::append)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::storage::route)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::storage::next)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::storage::complete)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::storage::fail)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::storage::set_paused)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::storage::enroll)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::storage::open_session)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::storage::heartbeat)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::storage::close_session)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::storage::call)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::storage::called)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::storage::take_calls)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::storage::calls)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::session)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::tenure)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::cluster_view_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::storage::take_lease)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::storage::give_lease)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::storage::learn)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::storage::learned)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::storage::recut)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::storage::set_aside)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::storage::replay)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::storage::drop)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::storage::moved)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::skip_answer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::storage::enrolled)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::storage::nothing_more)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::receipt)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::routed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::handed_transaction)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::lease)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::outbound_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::pool_page_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::directory_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::service_config_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::exchange_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::answer_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::accepted_note)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::delivery_memory)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::actor_dump)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::peer_list_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::service_ids_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::elsewhere_listener)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::greeting)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::order_outcome)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::node_dump_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(posthorn::cluster_dump)
