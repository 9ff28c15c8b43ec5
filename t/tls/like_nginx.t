# t/tls/like_nginx.t - what configurations of TLS mean to nginx they mean here: accepted or not, and in which words
use Site;
use Certs;
use Differential;
use File::Temp;

Test::More::plan(skip_all => 'no nginx to compare with') unless nginx_binary();
my $dir = File::Temp->newdir;
Certs::make("$dir", $_) for qw(a b);
Certs::make("$dir", 'ca', ca => 1);
Certs::make("$dir", 'leaf', by => 'ca', chain => 1);
Certs::make("$dir", 'small', kind => 'rsa');
Certs::openssl('rsa', '-in', "$dir/small.key", '-aes128', '-passout', 'pass:secret', '-out', "$dir/locked.key");
Certs::write_file("$dir/words", "no\nsecret\n");
Certs::write_file("$dir/junk", "no PEM\n");
Certs::write_file("$dir/key48", 'k' x 48);
Certs::write_file("$dir/key47", 'k' x 47);

sub said ($binary, $text) {
    my $result = Site->test_config($text, binary => $binary);
    my @lines = map { s/\A.*?\[(emerg|warn)\] (?:\d+#\d+: )?/[$1] /r =~ s/ in \S+:\d+(?::\d+)?.*//r =~ s/\(SSL: .*//sr =~ s/\s+\z//r }
        grep { /\[(?:emerg|warn)\]/ } split /\n/, $result->{stderr};
    return ($result->{exit} == 0 ? 'accepted' : 'refused') . join '', map { "\n$_" } @lines;
}

my $pair = 'ssl_certificate %C%/a.crt; ssl_certificate_key %C%/a.key;';
my @texts = (
    $pair, '', 'ssl_certificate %C%/a.crt;', 'ssl_certificate %C%/a.crt; ssl_certificate_key %C%/b.key;',
    'ssl_certificate %C%/none; ssl_certificate_key %C%/a.key;', 'ssl_certificate %C%/junk; ssl_certificate_key %C%/a.key;',
    'ssl_certificate %C%/a.crt; ssl_certificate_key %C%/none;', 'ssl_certificate %C%/a.crt; ssl_certificate_key %C%/junk;',
    "$pair ssl_certificate %C%/small.crt; ssl_certificate_key %C%/small.key;",
    'ssl_certificate %C%/small.crt; ssl_certificate_key %C%/locked.key; ssl_password_file %C%/words;',
    'ssl_certificate %C%/$ssl_server_name.crt; ssl_certificate_key %C%/$ssl_server_name.key;',
    'ssl_certificate %C%/$host.crt;',
    'ssl_reject_handshake on;',
    (map { "$pair $_" }
        'ssl_protocols TLSv1.2 TLSv1.3;', 'ssl_protocols SSLv3;', 'ssl_protocols TLSv9;', 'ssl_ciphers NONE;', 'ssl_ciphers ECDHE;',
        'ssl_ecdh_curve X25519:prime256v1;', 'ssl_ecdh_curve auto;', 'ssl_ecdh_curve none;', 'ssl_dhparam %C%/junk;', 'ssl_dhparam %C%/none;',
        'ssl_session_cache shared:one:1m;', 'ssl_session_cache none;', 'ssl_session_cache off;', 'ssl_session_cache builtin:100 shared:one:1m;',
        'ssl_session_cache shared:one:2;', 'ssl_session_cache shared:one;', 'ssl_session_cache some;', 'ssl_session_timeout 1d;',
        'ssl_session_timeout x;', 'ssl_session_tickets off;', 'ssl_session_ticket_key %C%/key48;', 'ssl_session_ticket_key %C%/key47;',
        'ssl_buffer_size 4k;', 'ssl_verify_client on;', 'ssl_verify_client on; ssl_client_certificate %C%/ca.crt;',
        'ssl_verify_client optional_no_ca;', 'ssl_verify_client maybe;', 'ssl_verify_depth 2;', 'ssl_verify_depth x;',
        'ssl_early_data on;', 'ssl_early_data maybe;', 'ssl_conf_command Options PrioritizeChaCha;', 'ssl_conf_command None x;',
        'ssl_stapling on;', 'ssl_stapling on; ssl_trusted_certificate %C%/ca.crt;', 'ssl_stapling on; ssl_stapling_file %C%/none;',
        'ssl_stapling on; ssl_stapling_file %C%/junk;', 'ssl_stapling on; ssl_stapling_verify on;', 'ssl_stapling maybe;',
        'ssl_stapling_responder http://x/;', 'ssl_prefer_server_ciphers on;', 'ssl_session_tickets maybe;'),
    (map { "ssl_certificate %C%/leaf.crt; ssl_certificate_key %C%/leaf.key; $_" } 'ssl_stapling on;',
        'ssl_stapling on; ssl_stapling_responder https://127.0.0.1/;', 'ssl_stapling on; ssl_stapling_responder http://127.0.0.1/;'),
);
my %ours = (                    # where the words are better here, or other by design
    'ssl_protocols TLSv9;' => 1, 'ssl_session_timeout x;' => 1, 'ssl_verify_client maybe;' => 1, 'ssl_verify_depth x;' => 1,
    'ssl_early_data maybe;' => 1, 'ssl_stapling maybe;' => 1, 'ssl_session_tickets maybe;' => 1,
);
for my $text (@texts) {
    my $full = "server { listen 127.0.0.1:1 ssl; $text }" =~ s/%C%/$dir/gr;
    my ($theirs, $mine) = map { said($_, $full) } nginx_binary(), Site->binary;
    ($theirs, $mine) = map { (split /\n/)[0] } $theirs, $mine if grep { $text =~ /\Q$_\E/ } keys %ours;
    is $mine, $theirs, $text || 'nothing';
}

done_testing;
