%% For tests/peers/ejabberd: takes <archived xmlns='urn:xmpp:mam:tmp'/>, which mod_mam puts beside each <stanza-id/>, out of
%% what clients receive. It is allowed, no setting turns it off, and the plays expect messages exactly as they are written.
-module(mod_without_archived).
-export([start/2, stop/1, depends/2, mod_options/1, mod_doc/0, clean/1]).

start(Host, _Options) -> ejabberd_hooks:add(user_receive_packet, Host, ?MODULE, clean, 99).
stop(Host) -> ejabberd_hooks:delete(user_receive_packet, Host, ?MODULE, clean, 99).
depends(_Host, _Options) -> [{mod_mam, hard}].
mod_options(_Host) -> [].
mod_doc() -> #{desc => "removes <archived/>"}.

clean({Packet, State}) when element(1, Packet) == message ->
    {xmpp:remove_subtag(Packet, {mam_archived, undefined, <<>>}), State};
clean(Other) -> Other.
