# t/lib/Site.pm - the server under test, with a directory, ports and origins of its own
#
#     use Site;
#     my $site = Site->start(<<'CONF');            # http-level text; Site writes the rest around it
#         server { listen %PORT%; location / { proxy_pass http://%ORIGIN%; } }
#     CONF
#     is $site->get('/')->status, 200, 'it answers';
#     done_testing;
#
# The binary is $ENV{WEIR}: Weir, or an nginx to see what that does. In a config %DIR% is the private
# directory, %PORT% %PORT2% ... are private ports, %ORIGIN% %ORIGIN2% ... scripted origins (see Origin;
# %ORIGIN_UNIX% one on a unix socket; %FASTCGI%, %SCGI%, %UWSGI%, %MEMCACHED% ones that speak that),
# %DNS% %DNS2% ... name servers (see Dns). `use Site` also brings strict, warnings, signatures,
# Test::More, wait_until and needs_weir.
#
# When a site stops (at done_testing at the latest) one test is reported: the server ended when told,
# by no signal, with no sanitizer report and no line of level alert, emerg or crit that was not
# announced with allow_log.
package Site;
use v5.36;
use feature ();
use Carp qw(croak);
use Fcntl qw(SEEK_SET);
use File::Path qw(make_path remove_tree);
use File::Temp qw(tempdir);
use POSIX qw(WNOHANG);
use Test::More ();
use Time::HiRes qw(time);
use Client;
use Origin;
use Ports;
use Procs;
use Wait qw(wait_until wait_while patience);

our @CARP_NOT = qw(Client Origin Wait);

my %running;              # all sites not stopped yet: address => site
my $owner = $$;

sub import ($class, @) {
    my $into = caller;

    $_->import for qw(strict warnings);
    feature->import(':5.36');
    Test::More->export_to_level(1, $class);
    no strict 'refs';
    no warnings 'redefine';
    *{"${into}::$_"} = \&$_ for qw(done_testing wait_until wait_while needs_weir is_weir);
    $| = 1;
    $SIG{PIPE} = sub { };
    Procs::adopt_orphans();
}

# Which binary -----------------------------------------------------------------------------------

sub binary { return $ENV{WEIR} // croak 'set WEIR to the binary to test' }

my %kind;
sub kind_of ($binary) {
    return $kind{$binary} //= do {
        my $version = run_binary($binary, '-v');
        "$version->{stderr}$version->{stdout}" =~ /weir/i ? 'weir' : 'nginx';
    };
}

sub is_weir { return kind_of(binary()) eq 'weir' }

# For what only Weir promises: skips the file, or the subtest it is called in.
sub needs_weir ($why) {
    return if is_weir();
    Test::More::plan(skip_all => "only Weir promises this: $why");
}

# Is this text (http level) accepted at all? For tests of features that may not be built in.
sub supports ($class, $conf) { return $class->test_config($conf)->{exit} == 0 }

# Starting ----------------------------------------------------------------------------------------

# OPTIONS: main => text at the top level, events => text in events {}, files => { path => content },
# log_level, args => [more of the command line], env => { }, binary => PATH, daemon => 1, sockets =>
# [listening sockets to hand over as systemd does].
sub start ($class, $conf, %option) {
    my $self = $class->prepare($conf, %option);
    $self->up;
    return $self;
}

# A whole config, all of it the caller's (it should say `pid %DIR%/weir.pid; error_log ...`).
sub start_raw ($class, $conf, %option) { return $class->start($conf, %option, raw => 1) }

# Everything but the start: files may still be added; then ->up.
sub prepare ($class, $conf, %option) {
    my $self = bless { %option, ports => {}, origins => {}, allowed => [], owner => $$ }, $class;

    $self->{binary} //= binary();
    $self->{dir} = tempdir('weir-XXXXXX', TMPDIR => 1);
    chmod 0755, $self->{dir};
    mkdir "$self->{dir}/sanitizer";
    chmod 0777, "$self->{dir}/sanitizer";
    mkdir "$self->{dir}/temp";
    $self->file($_, $option{files}{$_}) for sort keys %{ $option{files} // {} };
    $self->write_config($conf);
    return $self;
}

sub write_config ($self, $conf) {
    my $text = $self->{raw} ? $conf : $self->wrap($conf);
    $self->file('weir.conf', $self->fill_in($text));
    return $self;
}

sub wrap ($self, $conf) {
    my $main = $self->{main} // '';
    my $level = $ENV{WEIR_LOG_LEVEL} // $self->{log_level} // 'info';
    my $events = $self->{events} // '';
    my @main = ($self->{daemon} ? 'daemon on;' : 'daemon off;', 'pid %DIR%/weir.pid;', "error_log %DIR%/error.log $level;");
    my @http;

    push @main, 'worker_processes 1;' unless $main =~ /\bworker_processes\b/;
    push @main, 'user nobody nogroup;' if $> == 0 && $main !~ /^\s*user\b/m;
    $events = "worker_connections 512; $events" unless $events =~ /\bworker_connections\b/;
    push @http, 'access_log %DIR%/access.log;' unless $conf =~ /^access_log\b/m;
    push @http, 'keepalive_timeout 1h;' unless $conf =~ /\bkeepalive_timeout\b/; # a test may be slow
    for my $what (qw(client_body proxy fastcgi uwsgi scgi)) {
        push @http, "${what}_temp_path %DIR%/temp/$what;" unless $conf =~ /\b${what}_temp_path\b/;
    }
    return join "\n", @main, $main, "events { $events }", 'http {', @http, $conf, "}\n";
}

# Replaces %DIR%, %PORTn%, %ORIGINn%, %ORIGIN_UNIX%, %DNSn%.
sub fill_in ($self, $text) {
    $text =~ s/%DIR%/$self->{dir}/g;
    $text =~ s/%PORT(\d*)%/$self->port($1 || 1)/ge;
    $text =~ s/%ORIGIN(\d*)%/$self->origin($1 || 1)->address/ge;
    $text =~ s/%ORIGIN_UNIX%/$self->origin('unix')->address/ge;
    $text =~ s/%DNS(\d*)%/$self->dns($1 || 1)->address/ge;
    $text =~ s/%(FASTCGI|SCGI|UWSGI|MEMCACHED)(_UNIX|\d*)%/$self->origin(lc $1 . $2)->address/ge;
    return $text;
}

sub port ($self, $n = 1) { return $self->{ports}{$n} //= Ports::take() }
sub dir  ($self) { return $self->{dir} }
sub path ($self, $name) { return $name =~ /\A\// ? $name : "$self->{dir}/$name" }

sub origin ($self, $n = 1) {
    return $self->{origins}{$n} //= do {
        my ($protocol) = $n =~ /\A(fastcgi|scgi|uwsgi|memcached)/;
        my $unix = $n =~ /unix\z/;
        Origin->start($unix ? (unix => "$self->{dir}/$n.sock") : (), protocol => $protocol // 'http');
    };
}

sub dns ($self, $n = 1) {
    require Dns;
    return $self->{name_servers}{$n} //= Dns->start;
}

# Writes a file below the directory, and makes the directories on the way; mtime => SECONDS, mode =>.
sub file ($self, $name, $content, %option) {
    my $path = $self->path($name);
    my ($above) = $path =~ /\A(.*)\//;

    make_path($above);
    open my $file, '>:raw', $path or croak "$path: $!";
    print $file $content;
    close $file or croak "$path: $!";
    chmod $option{mode}, $path if defined $option{mode};
    utime $option{mtime}, $option{mtime}, $path if defined $option{mtime};
    return $path;
}

sub slurp ($self, $name) {
    $self->settle if $name =~ /log\z/;
    return Procs::slurp($self->path($name));
}

# A line is logged after its answer has gone: waits until each worker was seen with nothing to do, so that it has
# logged what it did. One that always has something to do has done so too when it has worked for a while; one that
# is blocked or stopped is not waited for.
sub settle ($self) {
    return unless $self->{pid};
    my ($began, %from) = (time);
    my @busy = $self->is_single ? $self->{pid} : $self->workers;
    while (@busy = grep { Procs::alive($_) && !Procs::waits_for_events($_) } @busy) {
        $from{$_} //= Procs::processor_time($_) for @busy;
        @busy = grep { Procs::processor_time($_) - $from{$_} < 0.3 } @busy;
        @busy = grep { Procs::run_state($_) =~ /[RD]/ } @busy if time > $began + 1;
        return if time > $began + patience();
        select undef, undef, undef, 0.002;
    }
}

sub environment ($self) {
    my $log = "log_path=$self->{dir}/sanitizer/report";
    my $join = sub { join ':', grep { defined && length } @_ };
    return (ASAN_OPTIONS  => $join->($ENV{ASAN_OPTIONS}, $log),
            UBSAN_OPTIONS => $join->($ENV{UBSAN_OPTIONS}, 'print_stacktrace=1', $log),
            LSAN_OPTIONS  => $join->($ENV{LSAN_OPTIONS}, $log),
            %{ $self->{env} // {} });
}

sub command ($self) {
    return ($self->{binary}, '-p', "$self->{dir}/", '-c', "$self->{dir}/weir.conf",
            '-e', "$self->{dir}/error.log", @{ $self->{args} // [] });
}

# Starts the server and waits until it serves: the pid file is there and all workers run.
sub up ($self) {
    my $pid = $self->launch;
    my $daemon = 0;

    $running{$self} = $self;
    wait_until {
        if (!$daemon && waitpid($pid, WNOHANG) == $pid) {
            $self->{status} = $?;
            delete $running{$self};
            croak "the server did not start:\n" . $self->trouble unless $? == 0 && $self->pid_in_file;
            $daemon = 1;
        }
        $self->pid_in_file && ($daemon || $self->ready);
    } 'the server to start';
    $self->{pid} = $self->pid_in_file;
    $running{$self} = $self;
    wait_until { $self->ready } 'the first worker' if $daemon;
    return $self;
}

sub ready ($self) {
    my $pid = $self->pid_in_file // return 0;
    return 1 if $self->is_single;
    my @workers = $self->workers($pid);
    return @workers >= $self->configured_workers && !grep { !Procs::waits_for_events($_) } @workers;
}

sub is_single ($self) { return ($self->slurp('weir.conf') // '') =~ /\bmaster_process\s+off;/ }

# How many workers the configuration asks for; 1 where it does not give a number.
sub configured_workers ($self) {
    my ($n) = ($self->slurp('weir.conf') // '') =~ /(?:^|;)\s*worker_processes\s+(\d+)\s*;/m;
    return $n // 1;
}

sub launch ($self) {
    my $parent = $$;
    my $pid = fork // croak "fork: $!";
    return $pid if $pid;
    Procs::die_with_parent();
    POSIX::_exit(1) if getppid != $parent;
    my %env = $self->environment;
    @ENV{ keys %env } = values %env;
    $SIG{$_} = 'DEFAULT' for qw(PIPE INT TERM);
    open STDIN, '<', '/dev/null';
    open STDOUT, '>>', "$self->{dir}/stdout";
    open STDERR, '>>', "$self->{dir}/stderr";
    pass_on(@{ $self->{sockets} }) if $self->{sockets};
    exec { $self->{binary} } $self->command or POSIX::_exit(127);
}

# Listening sockets as a service manager hands them over: descriptors from 3 on.
sub pass_on (@sockets) {
    POSIX::dup2(fileno $sockets[$_], 100 + $_) for 0 .. $#sockets;
    for my $n (0 .. $#sockets) {
        POSIX::dup2(100 + $n, 3 + $n);
        POSIX::close(100 + $n);
    }
    @ENV{qw(LISTEN_FDS LISTEN_PID)} = (scalar @sockets, $$);
}

sub pid_in_file ($self) {
    my ($name) = ($self->slurp('weir.conf') // '') =~ /\bpid\s+(\/[^;\s]+);/;
    my ($pid) = ($self->slurp($name // 'weir.pid') // '') =~ /\A(\d+)\n/;
    return $pid;
}

# What a reader of a failure wants to see.
sub trouble ($self) {
    my $text = '';
    for my $name (qw(stderr error.log)) {
        my $content = $self->slurp($name) // '';
        $content = '...' . substr $content, -4000 if length $content > 4000;
        $text .= "--- $name\n$content" if length $content;
    }
    return $text;
}

# One run that ends by itself -----------------------------------------------------------------------

# Runs the binary with these arguments: { exit, signal, stdout, stderr }.
sub run ($self, @args) {
    return run_binary($self->{binary}, map({ $self->fill_in($_) } @args), { $self->environment });
}

# `weir ctl WORDS`: what it prints; dies when it fails. ctl_run gives what run does.
sub ctl_run ($self, @words) { return $self->run('ctl', '-p', '%DIR%/', '-c', '%DIR%/weir.conf', @words) }
sub ctl ($self, @words) {
    my $result = $self->ctl_run(@words);
    croak "ctl @words: $result->{stderr}" if $result->{exit};
    return $result->{stdout};
}

sub run_binary ($binary, @args) {
    my $env = ref $args[-1] ? pop @args : {};
    my ($out, $err) = map { File::Temp->new } 1 .. 2;
    my $pid = fork // croak "fork: $!";

    if ($pid == 0) {
        Procs::die_with_parent();
        @ENV{ keys %$env } = values %$env;
        $SIG{PIPE} = 'DEFAULT';
        open STDIN, '<', '/dev/null';
        open STDOUT, '>&', $out;
        open STDERR, '>&', $err;
        exec { $binary } $binary, @args or POSIX::_exit(127);
    }
    my $status;
    my $ended = eval {
        wait_until { waitpid($pid, WNOHANG) == $pid and do { $status = $?; 1 } } "$binary @args to end";
    };
    if (!$ended) {
        kill KILL => $pid;
        waitpid $pid, 0;
        croak $@;
    }
    return { exit => $status >> 8, signal => $status & 127,
             stdout => Procs::slurp("$out"), stderr => Procs::slurp("$err") };
}

# -t on http-level text (raw => 1: on a whole config): { exit, signal, stdout, stderr }.
sub test_config ($class, $conf, %option) {
    my $self = $class->prepare($conf, %option);
    my $result = $self->run('-p', '%DIR%/', '-c', '%DIR%/weir.conf', '-e', '%DIR%/error.log', '-t',
                            @{ $option{args} // [] });
    $result->{dir} = $self->{dir};
    $result->{stderr} =~ s/\Q$self->{dir}\E/%DIR%/g;
    $self->sweep;
    return $result;
}

# Requests ------------------------------------------------------------------------------------------

# A connection; { port => N } picks another of our ports, { unix => PATH } a socket, { tls => {...} }
# speaks TLS (see Client). tls => {...} as an option of the site makes that the default.
sub connect ($self, $where = {}) {
    return Client->connect(unix => $self->path($where->{unix})) if $where->{unix};
    return Client->connect(tls => $self->{tls}, %$where, port => $self->port($where->{port} // 1));
}

# Sends one request on a connection of its own and returns that connection: ->response reads the
# answer. A hash first may hold: body, chunks => [...], version, host, port, unix, rcvbuf.
sub send ($self, $what, @rest) {
    my %option = ref $rest[0] eq 'HASH' ? %{ shift @rest } : ();
    my %where = map { $_ => delete $option{$_} } grep { exists $option{$_} } qw(port unix rcvbuf tls);
    return $self->connect(\%where)->send($what, \%option, @rest);
}

sub request ($self, $what, @rest) { return $self->send($what, @rest)->response }
sub get     ($self, $uri, @rest)  { return $self->request("GET $uri", @rest) }
sub head    ($self, $uri, @rest)  { return $self->request("HEAD $uri", @rest) }

sub post ($self, $uri, $body, @rest) {
    my %option = ref $rest[0] eq 'HASH' ? %{ shift @rest } : ();
    return $self->request("POST $uri", { %option, body => $body }, @rest);
}

# Bytes as they are, on a connection of their own; the response (undef: closed without one).
sub raw ($self, $bytes, %option) {
    my $client = $self->connect;
    $client->write($bytes);
    return $client->read_response(%option);
}

# Logs ----------------------------------------------------------------------------------------------

sub error_log       ($self) { return $self->slurp('error.log') // '' }
sub error_log_lines ($self) { return split /(?<=\n)/, $self->error_log }
sub access_log      ($self) { return split /(?<=\n)/, $self->slurp('access.log') // '' }

# The end of the error log now, for wait_for_log(..., since => ).
sub log_mark ($self) { $self->settle; return -s $self->path('error.log') // 0 }

sub log_since ($self, $mark) {
    $self->settle;
    open my $file, '<', $self->path('error.log') or return '';
    seek $file, $mark, SEEK_SET;
    local $/;
    return scalar(<$file>) // '';
}

# Waits for a line of the error log that matches, and returns it.
sub wait_for_log ($self, $pattern, %option) {
    my $found;
    wait_until {
        ($found) = grep { $_ =~ $pattern } split /\n/, $self->log_since($option{since} // 0);
        defined $found;
    } "$pattern in the error log";
    return $found;
}

# Waits until the access log has N lines, and returns them.
sub wait_for_access ($self, $n) {
    wait_until { $self->access_log >= $n } "$n lines in the access log";
    return $self->access_log;
}

# Lines of these levels that match are expected.
sub allow_log ($self, @patterns) { push @{ $self->{allowed} }, @patterns; return $self }

# Processes -----------------------------------------------------------------------------------------

sub master_pid ($self) { return $self->{pid} }

# The workers that accept; draining() those that finish what they have.
sub workers ($self, $master = $self->{pid}) {
    return grep { Procs::title($_) =~ /: worker process\z/ && Procs::alive($_) }
        Procs::children($master);
}

# Workers that have got as far as waiting for events.
sub idle_workers ($self) { return grep { Procs::waits_for_events($_) } $self->workers }

sub draining ($self, $master = $self->{pid}) {
    return grep { Procs::title($_) =~ /: worker process is shutting down/ && Procs::alive($_) }
        Procs::children($master);
}

sub signal ($self, $name, $pid = $self->{pid}) {
    kill $name, $pid or croak "kill $name $pid: $!";
    return $self;
}

# HUP, and waits until only new workers accept. A text given becomes the config first.
sub reload ($self, $conf = undef) {
    my %old = map { $_ => 1 } $self->workers;

    $self->write_config($conf) if defined $conf;
    $self->signal('HUP');
    wait_until {
        my @now = $self->workers;
        @now >= $self->configured_workers && !grep { $old{$_} } @now;
    } "new workers after HUP:\n" . $self->trouble;
    return $self;
}

# HUP with a config that must be refused; returns the first line that says why.
sub reload_refused ($self, $conf = undef) {
    my $mark = $self->log_mark;
    $self->write_config($conf) if defined $conf;
    $self->signal('HUP');
    return $self->wait_for_log(qr/\[emerg\]/, since => $mark);
}

# Waits for the master to end by itself; its status as in $?.
sub wait_exit ($self) {
    my $pid = $self->{pid} // return $self->{status};
    my $status;

    wait_until {
        my $got = waitpid $pid, WNOHANG;
        $status = $got == $pid ? $? : 0;
        $got == $pid || ($got < 0 && !Procs::alive($pid));
    } "process $pid to end";
    $self->{pid} = undef;
    return $self->{status} = $status;
}

# Stopping ------------------------------------------------------------------------------------------

# Sends SIGNAL (TERM), waits, and reports the one test that every site owes. Returns the status.
sub stop ($self, $signal = 'TERM') {
    return $self->{status} unless delete $running{$self};
    return unless $self->{owner} == $$;
    my @faults;
    if ($self->{pid}) {
        kill $signal, $self->{pid};
        if (!eval { $self->wait_exit; 1 }) {
            push @faults, "still there after $signal";
            kill KILL => $self->{pid}, Procs::descendants($self->{pid});
            $self->wait_exit;
        }
    }
    push @faults, "its status was $self->{status}" if $self->{status};
    push @faults, $self->faults_in_log, $self->sanitizer_reports;
    Test::More::ok(!@faults, 'the server ended as told and logged no alert');
    Test::More::diag($_) for @faults;
    $self->sweep;
    return $self->{status};
}

sub faults_in_log ($self) {
    my @lines = map { split /\n/, $self->slurp($_) // '' } qw(error.log stderr);
    my %seen;
    @lines = grep { /\[(?:alert|emerg|crit)\]/ && !$seen{$_}++ } @lines;
    for my $pattern (@{ $self->{allowed} }) {
        @lines = grep { $_ !~ $pattern } @lines;
    }
    return @lines;
}

# What names no error is a notice of a process that was killed while it looked for leaks, or nothing: those that
# take more than a second to end are killed, and so are those that a test kills.
sub sanitizer_reports ($self) {
    my $error = qr/ERROR: \w+Sanitizer|runtime error:/;
    my @reports = grep { $_ =~ $error } map { Procs::slurp($_) // '' } glob "$self->{dir}/sanitizer/*";
    my $stderr = $self->slurp('stderr') // '';
    push @reports, $stderr if $stderr =~ $error;
    return @reports;
}

# The directory goes, unless WEIR_KEEP is set or something failed and WEIR_KEEP_FAILED is.
sub sweep ($self) {
    $_->stop for values %{ $self->{origins} }, values %{ $self->{name_servers} // {} };
    my $failed = !Test::More->builder->is_passing;
    if ($ENV{WEIR_KEEP} || ($failed && $ENV{WEIR_KEEP_FAILED})) {
        Test::More::diag("kept $self->{dir}");
        return;
    }
    remove_tree($self->{dir});
}

# Stops every site that still runs, then ends the test file.
sub done_testing {
    $_->stop for values %running;
    reap_strangers();
    goto &Test::More::done_testing;
}

# What our servers left behind is ours to end (see adopt_orphans); what does not end by itself is a fault.
sub reap_strangers {
    my @left;
    my $left = sub {
        @left = grep { Procs::alive($_) && Procs::title($_) =~ /(?:weir|nginx): / } Procs::descendants($$);
    };
    return if eval { wait_until { !$left->() } 'all processes to end' };
    Test::More::fail('no process is left behind');
    Test::More::diag("$_ " . Procs::title($_)) for @left;
    kill KILL => @left;
}

# Reached with sites running only when the test died.
END {
    if ($$ == $owner) {
        my $code = $?;
        for my $site (values %running) {
            print STDERR map { "# $_\n" } split /\n/, $site->trouble;
            my @pids = grep { defined } $site->{pid}, $site->{pid} && Procs::descendants($site->{pid});
            kill KILL => @pids if @pids;
            waitpid $_, 0 for grep { defined } $site->{pid};
            $site->sweep;
        }
        my @left = grep { Procs::title($_) =~ /(?:weir|nginx): / } Procs::descendants($$);
        kill KILL => @left if @left;
        $? = $code;
    }
}

1;
