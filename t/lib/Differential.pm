# t/lib/Differential.pm - the same config and requests to nginx and to Weir; any difference is a failure
#
#     use Site; use Differential;
#     differential_ok(<<'CONF', ['GET /', 'HEAD /a', ['GET /b', Range => 'bytes=0-3'], { raw => "..." }],
#         server { listen %PORT%; root %DIR%/html; location /p { proxy_pass http://%ORIGIN%; } }
#     CONF
#         files  => { 'html/a' => 'text' },                 # the same time of change on both sides
#         origin => sub ($origin) { $origin->answer(...) },  # called for each side's first origin
#         alike  => sub ($text) { ... },                     # makes what differs by chance the same
#         allow  => { 'HEAD /a' => 'why', 'GET /b: header Vary' => 'why', '*: body' => 'why' });
#                     # a why may be sub ($nginx, $weir) { ... }: undef where it does not apply
#
# Compared: status, header fields (any order; Date, Server, ETag, boundaries, ports and directories
# made alike), body, whether the connection lives on, and what the origin received. The HTTP version
# and the Connection header towards the origin are left out unless hop => 1: defaults differ between
# versions of nginx. order => 1: fields that the origin received are compared in their order and case.
# at_once => 1: the origin is asked for several things at the same time, which come in any order.
# One test per request. Requests may be strings, [what, fields...],
# { what, options of Client::request_bytes, fields => [...] } or { raw => bytes, name => '...' };
# { raw => ..., later => bytes } sends the rest when an answer has begun;
# { raw => ..., all => 1 } compares every response on the connection up to its end (pipelines);
# port => N, at => ADDRESS, unix => PATH and tls => {...} say where to; why => 'a reason' allows any
# difference of this request, and with weir => STATUS Weir's answer to it must be that.
# logs => ['access.log', ...] compares these files too, one test each, after both have ended.
#
# configs_alike compares what -t says. At the end of a test file the numbers of what was compared are
# noted; tools/differential adds them up.
package Differential;
use v5.36;
use Carp qw(croak);
use Exporter 'import';
use Test::More ();
use Time::Local qw(timegm);
use Site;

our @EXPORT = qw(differential_ok differential_differences nginx_binary configs_alike);

use constant MTIME => 1_600_000_000;
use constant PROBE => '/differential-probe';

my %count = (configs => 0, requests => 0, logs => 0, snippets => 0);
END {
    print '# differential: ', join(', ', map { "$count{$_} $_" } grep { $count{$_} } sort keys %count), "\n"
        if grep { $_ } values %count;
}

sub nginx_binary {
    my ($found) = grep { -x } '/usr/sbin/nginx', '/usr/local/sbin/nginx';
    return $ENV{WEIR_ORACLE} // $found;
}

sub differential_ok ($conf, $requests, %option) {
    my $nginx = $option{oracle} // nginx_binary();

    if (!defined $nginx) {
        Test::More::ok(1, "# skip nginx is not installed, nothing to compare with");
        return 1;
    }
    my $good = 1;
    for my $result (differential_differences($conf, $requests, %option, oracle => $nginx)) {
        my ($name, $unexpected, $allowed) = @$result{qw(name unexpected allowed)};
        $good &= Test::More::ok(!@$unexpected, "like nginx: $name");
        Test::More::diag("  $_") for @$unexpected;
        Test::More::note("allowed: $_") for @$allowed;
    }
    return $good;
}

# Does nginx accept what Weir accepts, and refuse what Weir refuses? SNIPPETS are texts at the http
# level, or [where, text] with where one of main, events, http, server, location. Allowed are those
# that differ on purpose: allow => { text => why } or a sub of both that returns why.
sub configs_alike ($snippets, %option) {
    my $nginx = nginx_binary();

    if (!defined $nginx) {
        Test::More::ok(1, "# skip nginx is not installed, nothing to compare with");
        return;
    }
    my %side = (nginx => Site->prepare('', %option, raw => 1, binary => $nginx),
                weir  => Site->prepare('', %option, raw => 1));
    for my $snippet (@$snippets) {
        my ($where, $text) = ref $snippet ? @$snippet : (http => $snippet);
        my $name = "$where: " . readable($text =~ s/\s+/ /gr =~ s/#/\\#/gr);
        my %seen = map { $_ => tested($side{$_}, placed($where, $text)) } keys %side;
        my ($like, $is) = map { $seen{$_}{accepted} ? 'accepted' : 'refused' } qw(nginx weir);
        my ($why) = grep { defined } map { ref $_ eq 'CODE' ? $_->($where, $text) : $_->{$text} } $option{allow} // {};
        $count{snippets}++;
        if ($seen{weir}{says} =~ /"(\S+)" (?:directive|parameter of "\S+") is not supported by this version/) {
            Test::More::ok(1, "$name # skip not built: $1");
        } elsif (defined $why && $is ne $like) {
            Test::More::ok(1, "$name, $like by nginx and not here: $why");
        } elsif (!Test::More::is($is, $like, $name)) {
            Test::More::diag("  $_: $seen{$_}{says}") for sort keys %seen;
        }
    }
    $_->sweep for values %side;
}

# What -t says of this text: { accepted, says => the first line }. Killed when it takes too long.
sub tested ($site, $conf) {
    $site->file('weir.conf', $site->fill_in($conf));
    my $pid = open(my $out, '-|') // croak "fork: $!";
    if ($pid == 0) {
        alarm Client::patience();
        open STDERR, '>&', \*STDOUT;
        exec $site->command, '-t' or POSIX::_exit(127);
    }
    my $says = do { local $/; <$out> } // '';
    close $out;
    croak "a signal ended -t: $says" if $? & 127 || $? >> 8 > 128;
    return { accepted => $? == 0, says => (split /\n/, $says =~ s/\Q$site->{dir}\E/%DIR%/gr)[0] // '' };
}

sub placed ($where, $text) {
    my %place = (main => '', events => '', http => '', server => 'listen %PORT%;', location => '', $where => $text);
    my $main = 'pid %DIR%/weir.pid; error_log %DIR%/error.log;';

    $place{server} = "listen %PORT%; $text" if $where eq 'server' && $text !~ /\blisten\b/;
    my $location = $where eq 'location' ? "location / { $text }" : '';
    my $server = $where =~ /server|location/ ? "server { $place{server} $location }" : '';
    return "$place{main}\n" if $where eq 'whole';
    return "$main $place{main}\nevents { $place{events} }\nhttp { access_log off; $place{http} $server }\n";
}

# [{ name, unexpected => [text...], allowed => [text...] }, ...], one for each request
sub differential_differences ($conf, $requests, %option) {
    my %side = (nginx => $option{oracle} // nginx_binary(), weir => Site::binary());
    my @names = map { name_of($_) } @$requests;
    my @logs = @{ $option{logs} // [] };
    my %seen;

    $count{configs}++;
    $count{requests} += @$requests;
    $count{logs} += @logs;
    for my $side (sort keys %side) {
        my $text = $side eq 'weir' ? $option{weir_conf} // $conf : $option{nginx_conf} // $conf;
        my $site = start_side($text, $side{$side}, %option);
        $seen{$side} = [map { play($site, $_, \%option) } @$requests];
        if (@logs) {
            $site->signal('QUIT')->wait_exit;
            push @{ $seen{$side} }, { body => normal_text($site, $site->slurp($_) // 'absent') } for @logs;
        }
        $site->stop;
    }
    push @names, map { "log $_" } @logs;
    return map {
        my $allow = $option{allow} // {};
        my %result = (name => $names[$_], unexpected => [], allowed => []);
        my $both = $seen{nginx}[$_] && $seen{nginx}[$_]{failure};
        push @{ $result{allowed} }, "nginx gives no answer: $both" if defined $both;
        my ($own, $status) = ref $requests->[$_] eq 'HASH' ? @{ $requests->[$_] }{qw(why weir)} : ();
        push @{ $result{unexpected} }, "status: weir '$seen{weir}[$_]{status}', not the $status announced"
            if defined $status && $seen{weir}[$_]{status} ne $status;
        for my $difference (compare($seen{nginx}[$_], $seen{weir}[$_])) {
            my ($aspect, $text) = @$difference;
            my ($why) = $own // grep { defined } map { ($allow->{"$_: $aspect"}, $allow->{$_}) } $names[$_], '*';
            $why = $why->($seen{nginx}[$_], $seen{weir}[$_]) if ref $why;
            push @{ $result{ defined $why ? 'allowed' : 'unexpected' } },
                defined $why ? "$aspect ($why): $text" : "$aspect: $text";
        }
        \%result;
    } 0 .. $#names;
}

sub start_side ($conf, $binary, %option) {
    my %pass = map { $_ => $option{$_} } grep { exists $option{$_} } qw(main events tls);
    my $site = Site->prepare($conf, %pass, binary => $binary);

    for my $name (sort keys %{ $option{files} // {} }) {
        $site->file($name, $option{files}{$name}, mtime => MTIME);
    }
    $option{prepare}->($site) if $option{prepare};
    $option{origin}->($site->origin) if $option{origin};
    $site->allow_log(@{ $option{allow_log} // [] });
    $site->allow_log(qr/worker process \d+ exited on signal 9/)    # by its master, when it does not quit soon
        if Site::kind_of($binary) eq 'nginx';
    utime MTIME, MTIME, $_ for grep { -d } map { $site->path($_) } @{ $option{dirs} // [] };
    return $site->up;
}

sub name_of ($request) {
    return $request unless ref $request;
    return join ' ', map { $_ // '' } @$request if ref $request eq 'ARRAY';
    return $request->{name} // $request->{what} // readable($request->{raw});
}

sub readable ($bytes) {
    $bytes =~ s/([^ -~])/$1 eq "\r" ? '\\r' : $1 eq "\n" ? '\\n' : sprintf '\\x%02x', ord $1/ge;
    return length $bytes > 100 ? substr($bytes, 0, 57) . '...' . substr($bytes, -40) : $bytes;
}

sub bytes_of ($request) {
    return Client::request_bytes($request) unless ref $request;
    return Client::request_bytes(@$request) if ref $request eq 'ARRAY';
    return $request->{raw} if defined $request->{raw};
    my %option = %$request;
    my ($what, $fields) = (delete $option{what}, delete $option{fields});
    return Client::request_bytes($what, \%option, @{ $fields // [] });
}

# One request on a connection of its own; everything that can be seen from outside.
sub play ($site, $request, $option) {
    my $bytes  = $site->fill_in(bytes_of($request));
    my %how    = ref $request eq 'HASH' ? %$request : ();
    my $client = $site->connect({ defined $how{at} ? (host => $how{at}) : (),
                                  map { $_ => $how{$_} } grep { defined $how{$_} } qw(port unix tls) });
    my ($method) = $bytes =~ /\A([A-Za-z]+) /;
    my %seen = (began => time);

    $_->forget for values %{ $site->{origins} };
    if ($how{all}) {
        my $all = play_all($site, $client, $bytes, $option);
        return $all if length $all->{body} || Site::kind_of($site->{binary}) eq 'weir';
        $_->forget for values %{ $site->{origins} }; # a reset took what nginx had sent: once more
        $client = $site->connect;
        return play_all($site, $client, $bytes, $option);
    }
    $client->write($bytes);
    if (defined $how{later}) {
        $client->ready(0, Client::patience());
        $client->write($how{later});
    }
    my $reply = eval { $client->read_response(method => $method // 'GET') };
    $seen{failure} = $@ =~ s/ at \S+ line.*//sr if $@;
    $seen{ended} = time;
    $seen{persists} = $seen{failure} ? 'unknown' : persists($client);
    $seen{origin} = origin_views($site, $option);
    return \%seen if $seen{failure};
    return { %seen, status => 'no response' } unless $reply;
    return { %seen, reply_view($site, $reply, $method, $option) };
}

sub reply_view ($site, $reply, $method, $option) {
    my %seen = map { $_ => $reply->$_ // 'none' } qw(status version framing complete);
    $seen{interim}  = join ' ', map { $_->status } $reply->interim;
    $seen{body}     = normal_text($site, plain_body($reply));
    $seen{headers}  = [sort map { normal_field($site, @$_) } fields_of($reply, $seen{body}, $method)];
    $_ = $option->{alike}->($_) for $option->{alike} ? ($seen{body}, @{ $seen{headers} }) : ();
    $seen{trailers} = [sort map { "$_->[0]: $_->[1]" } $reply->trailers];
    $seen{length}   = $reply->header('Content-Length') // '';
    return %seen;
}

# All responses up to the end of the connection, to a pipeline that a last request closes. It is sent with the
# others: who closes before it comes may reset the connection, and so take what was not read yet.
sub play_all ($site, $client, $bytes, $option) {
    my @methods = $bytes =~ /^([A-Z]+) \S+ HTTP\/1/gm;
    my %seen = (body => '');

    $client->write($bytes . 'GET ' . PROBE . " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    while (1) {
        my $method = shift @methods // 'GET';
        my $reply = eval { $client->read_response(method => $method) };
        $seen{failure} = $@ =~ s/ at \S+ line.*//sr if $@;
        last unless $reply;
        my %view = reply_view($site, $reply, $method, $option);
        s/\A(Expires: )(.*)/$1 . from_now($2)/e for @{ $view{headers} };
        my @headers = grep { $view{framing} ne 'length' || $view{body} !~ /<center>SERVER/ || !/^Content-Length/ }
            @{ $view{headers} };
        $seen{body} .= join "\n", "$view{status} $view{version} $view{framing} $view{complete} $view{interim}",
            @headers, '', $view{body}, @{ $view{trailers} }, '';
    }
    $seen{origin} = origin_views($site, $option);
    return \%seen;
}

# The fields, Content-Length as it would be if the pages of both sides were signed by the same name.
sub fields_of ($reply, $normal_body, $method) {
    my $signed = '<center>' . ($reply->header('Server') // '') . '</center>';
    my $shift  = $reply->body =~ /\Q$signed\E/ ? length($reply->body) - length $normal_body
        : ($method // '') eq 'HEAD' && ($reply->status // 0) >= 300
            && ($reply->header('Content-Type') // '') eq 'text/html' ? length $signed : 0;

    return map {
        my ($name, $value) = @$_;
        $value -= $shift if lc $name eq 'content-length' && $value =~ /\A\d+\z/;
        [$name, $value];
    } $reply->fields;
}

# A page that names the server compresses differently: what is in it is compared.
sub plain_body ($reply) {
    return $reply->body unless ($reply->header('Content-Encoding') // '') eq 'gzip' && length $reply->body;
    require Compress::Zlib;
    my $body = $reply->body;
    return Compress::Zlib::memGunzip($body) // $body;
}

# Asked rather than timed: does the connection answer one more request?
sub persists ($client) {
    return 'closed' unless $client->is_open;
    $client->write('GET ' . PROBE . " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    my $reply = eval { $client->read_response(method => 'GET') };
    return defined $reply && defined $reply->status ? 'persists' : 'closed';
}

sub requests_at ($site) {
    return grep { $_->uri ne PROBE } map { $site->{origins}{$_}->requests }
        sort keys %{ $site->{origins} };
}

sub origin_views ($site, $option) {
    my @views = map { origin_view($site, $_, $option) } requests_at($site);
    return [$option->{at_once} ? sort @views : @views];
}

sub origin_view ($site, $request, $option) {
    my @fields = grep { $option->{hop} || lc $_->[0] ne 'connection' } $request->fields;
    my $version = $option->{hop} ? $request->version : '';
    return join "\n", $request->method . ' ' . normal_text($site, $request->uri) . " $version",
        ($option->{order} ? map { "$_->[0]: " . normal_text($site, $_->[1]) } @fields
         : sort map { lc($_->[0]) . ': ' . normal_text($site, $_->[1]) } @fields),
        ($request->complete ? 'body' : 'incomplete body') . ' (' . length($request->body) . '): '
        . normal_text($site, substr $request->body, 0, 2000);
}

sub seconds_of ($date) {
    state %month = do { my $n = 0; map { $_ => $n++ } qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec) };

    my ($d, $m, $y, $h, $min, $s) = $date =~ /, (\d\d) (\w{3}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT\z/ or return;
    return timegm($s, $min, $h, $d, $month{$m}, $y);
}

# The two servers are asked one after the other: a time that counts from now is later by as much.
sub same_expiry ($nginx, $weir) {
    my ($one, $two) = map { [grep { /\AExpires: /i && seconds_of($_) } @{ $_->{headers} // [] }] } $nginx, $weir;
    my ($from, $to) = map { @$_ == 1 ? seconds_of($_->[0]) : undef } $one, $two;

    return $weir->{headers} if !defined $from || !defined $to || $to < $from || $to - $from > $weir->{ended} - $nginx->{began} + 1;
    return [sort map { $_ eq $two->[0] ? $one->[0] : $_ } @{ $weir->{headers} }];
}

# In a text of many answers a date so many minutes from now counts as that.
sub from_now ($date) {
    my $away  = (seconds_of($date) // return $date) - time;
    my $round = 60 * int(($away + ($away < 0 ? -30 : 30)) / 60);
    return abs($away - $round) <= 5 && abs $away < 400 * 86400 ? "$round seconds from now" : $date;
}

sub normal_field ($site, $name, $value) {
    $value = 'DATE'                   if lc $name eq 'date';
    $value = 'SERVER'                 if lc $name eq 'server';
    $value =~ s/"[^"]*"/"ETAG"/       if lc $name eq 'etag';
    $value =~ s/boundary=\S+/boundary=BOUNDARY/ if lc $name eq 'content-type';
    return "$name: " . normal_text($site, $value);
}

sub normal_text ($site, $text) {
    my %ports = map { $site->{ports}{$_} => $_ } keys %{ $site->{ports} };
    my $dir   = $site->dir;
    my %origins = map { ($site->{origins}{$_}->port // 0) => $_ } keys %{ $site->{origins} };

    $text =~ s/\Q$dir\E/%DIR%/g;
    $text =~ s/\b$_\b/%PORT$ports{$_}%/g for keys %ports;
    $text =~ s/\b$_\b/%ORIGINPORT$origins{$_}%/g for grep { $_ } keys %origins;
    $text =~ s{<center>(?:nginx|weir)[^<]*</center>}{<center>SERVER</center>}g;
    $text =~ s/^--\d{20}/--BOUNDARY/gm;
    return $text;
}

# Pairs [aspect, text]
sub compare ($nginx, $weir) {
    my @found;

    for my $aspect (qw(failure status version framing complete persists interim body)) {
        my ($a, $b) = map { $_->{$aspect} // '' } $nginx, $weir;
        push @found, [$aspect, show($a, $b)] if $a ne $b;
    }
    for my $list (qw(headers trailers)) {
        push @found, differing_fields($list eq 'headers' ? 'header' : 'trailer',
                                      $nginx->{$list} // [],
                                      ($list eq 'headers' ? same_expiry($nginx, $weir) : $weir->{$list}) // []);
    }
    @found = grep { $_->[0] ne 'header Content-Length' } @found
        if ($nginx->{length} // '') eq ($weir->{length} // '');
    my ($a, $b) = map { join "\n\n", @{ $_->{origin} // [] } } $nginx, $weir;
    push @found, ['origin', show($a, $b)] if $a ne $b;
    return @found;
}

# Of long texts what begins a little before the first difference.
sub show ($a, $b) {
    my ($same) = ($a ^. $b) =~ /\A(\0*)/;
    my $from = length $a > 1500 || length $b > 1500 ? length($same) - 500 : 0;
    return "nginx '" . short($a, $from) . "', weir '" . short($b, $from) . "'";
}

sub short ($text, $from) {
    $text = '...' . substr $text, $from if $from > 0;
    return length $text > 1500 ? substr($text, 0, 1500) . '...' : $text;
}

sub differing_fields ($what, $nginx, $weir) {
    my (%count, @found);
    $count{$_}++ for @$nginx;
    $count{$_}-- for @$weir;
    my %names;
    for my $line (grep { $count{$_} } sort keys %count) {
        my ($name) = $line =~ /\A([^:]*)/;
        $names{$name}{ $count{$line} > 0 ? 'nginx' : 'weir' } = $line;
    }
    for my $name (sort keys %names) {
        push @found, ["$what $name", show(map { $names{$name}{$_} // '(absent)' } qw(nginx weir))];
    }
    return @found;
}

1;
