# t/tls/client_certificate.t - who shows which certificate, and what the variables say of it
use Site;
use Certs;
use Differential;
use IPC::Open2;

my $dir = File::Temp->newdir;
my %subject = (subject => '/C=XX/O=Weir, tests/CN=');
Certs::make("$dir", 'server', cn => 'server.example');
Certs::make("$dir", 'ca', ca => 1, cn => 'An authority');
Certs::make("$dir", 'stranger', ca => 1, cn => 'Nobody');
Certs::make("$dir", 'good', by => 'ca', cn => 'good', subject => '/C=XX/O=Weir, tests/CN=good');
Certs::make("$dir", 'bad', by => 'stranger', cn => 'bad');
Certs::make("$dir", 'old', by => 'ca', cn => 'old', days => -1);
Certs::make("$dir", 'own', cn => 'own');

my $conf = <<'CONF' =~ s/%C%/$dir/gr;
    ssl_certificate %C%/server.crt;
    ssl_certificate_key %C%/server.key;
    ssl_client_certificate %C%/ca.crt;
    map $ssl_session_id $has_id { "" no; default yes; }
    server { listen %PORT1% ssl; ssl_verify_client on; return 200 "on $ssl_client_verify"; }
    server { listen %PORT2% ssl; ssl_verify_client optional; return 200 "optional $ssl_client_verify"; }
    server { listen %PORT3% ssl; ssl_verify_client optional_no_ca; return 200 "no_ca $ssl_client_verify"; }
    server {
        listen %PORT4% ssl;
        ssl_verify_client optional;
        ssl_protocols TLSv1.2;
        ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256;
        location /names { return 200 "$ssl_client_s_dn|$ssl_client_i_dn|$ssl_client_s_dn_legacy|$ssl_client_i_dn_legacy"; }
        location /cert { return 200 "$ssl_client_raw_cert|$ssl_client_escaped_cert|$ssl_client_cert"; }
        location /other { return 200 "$ssl_client_serial|$ssl_client_fingerprint|$ssl_client_v_start|$ssl_client_v_end|$ssl_client_v_remain"; }
        location /conn { return 200 "$ssl_protocol|$ssl_cipher|$ssl_curves|$ssl_ciphers|$ssl_session_reused|$ssl_server_name|$ssl_early_data|$has_id"; }
    }
    server {
        listen %PORT1% ssl;
        server_name errors.example;
        ssl_verify_client on;
        error_page 495 496 =403 /why;
        location / { return 200 in; }
        location = /why { return 200 "why $status"; }
    }
CONF

my $made = time;
wait_until { time > $made } 'the certificates to be a second old: their remaining days are less than thirty';
for my $who (undef, qw(good bad old own)) {
    my %tls = $who ? (SSL_cert_file => "$dir/$who.crt", SSL_key_file => "$dir/$who.key") : ();
    my $name = $who // 'none';
    my @seen;

    for my $binary (Site::binary(), nginx_binary() // ()) {
        my $site = Site->start($conf, binary => $binary);
        $site->allow_log(qr/./);
        my %answer;
        for my $port (1 .. 3) {
            my $reply = $site->connect({ port => $port, tls => {%tls} })->get('/');
            $answer{$port} = $reply->status . ' ' . ($reply->status == 200 ? $reply->body : $reply->body =~ s/.*<title>(.*?)<.*/$1/sr);
        }
        for my $path (qw(/names /cert /other /conn)) {
            my $client = $site->connect({ port => 4, tls => { %tls, SSL_hostname => 'a.example' } });
            my $reply = $client->get($path);
            $answer{$path} = $reply->status . ' ' . ($reply->status == 200 ? $reply->body : '');
        }
        my $client = $site->connect({ port => 1, tls => { %tls, SSL_hostname => 'errors.example' } });
        my $reply = $client->send('GET /', Host => 'errors.example')->response;
        $answer{errors} = $reply->status . ' ' . $reply->body;
        push @seen, \%answer;
    }
    my $weir = $seen[0];
    is $weir->{1}, $who && $who eq 'good' ? '200 on SUCCESS' : $who ? '400 400 The SSL certificate error'
        : '400 400 No required SSL certificate was sent', "$name: where one is required";
    for my $at (sort keys %$weir) {
        is $weir->{$at}, $seen[1]{$at}, "$name: $at as under nginx" if $seen[1];
    }
}

# A request for a server that asks for certificates, in a connection that was made to one that does not.
my $site = Site->start(<<'CONF' =~ s/%C%/$dir/gr);
    ssl_certificate %C%/server.crt;
    ssl_certificate_key %C%/server.key;
    server { listen %PORT% ssl; server_name open.example; return 200 open; }
    server {
        listen %PORT% ssl; server_name closed.example;
        ssl_client_certificate %C%/ca.crt; ssl_verify_client on;
        return 200 "closed $fail_reason";
    }
CONF
my $client = $site->connect({ tls => { SSL_hostname => 'open.example' } });
is $client->send('GET /', Host => 'open.example')->response->status, 200, 'the server that was asked for';
is $client->send('GET /', Host => 'closed.example')->response->status, 421, 'another, which wants a certificate';

# What a certificate leaves in the library's list of errors, though it was accepted, is nobody else's fault.
Certs::make("$dir", 'odd', cn => 'odd', extension => '2.5.29.19=DER:05:00');
my $open = Site->start(<<'CONF' =~ s/%C%/$dir/gr);
    ssl_certificate %C%/server.crt;
    ssl_certificate_key %C%/server.key;
    server { listen %PORT% ssl; ssl_client_certificate %C%/ca.crt; ssl_verify_client optional_no_ca; return 200 "$ssl_client_s_dn"; }
CONF
for my $version ('-tls1_2', '-tls1_3') {
    my $pid = open2(my $out, my $in, 'sh', '-c', 'exec openssl s_client "$@" 2>&1', 's_client', '-quiet', $version, '-connect',
                    '127.0.0.1:' . $open->port, '-cert', "$dir/odd.crt", '-key', "$dir/odd.key");
    my $ask = sub {
        my $text = '';
        syswrite $in, "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        while ($text !~ /\r\n\r\nCN=odd/) { sysread $out, $text, 4096, length $text or return $text }
        return 'served';
    };
    is $ask->(), 'served', "$version: a certificate with a broken extension is borne with";
    is eval { $open->connect({ tls => {} })->get('/')->status } // $@, 200, 'and so are the handshakes beside it';
    is $ask->(), 'served', 'its connection goes on';
    kill KILL => $pid;
    waitpid $pid, 0;
}

my $refused = Site->test_config('server { listen 1 ssl; ssl_reject_handshake on; ssl_verify_client on; }');
isnt $refused->{exit}, 0, 'nobody is trusted: refused';
like $refused->{stderr}, qr/no ssl_client_certificate for ssl_verify_client/, 'and why';

done_testing;
