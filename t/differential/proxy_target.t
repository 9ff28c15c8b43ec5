# t/differential/proxy_target.t - where a proxied request goes and with which URI, the same as in nginx
#
# One config for each way to say it; what the origin gets is compared byte by byte, order of fields
# included.
use Site;
use Differential;

my $upstreams = <<'CONF';
    proxy_http_version 1.0;
    upstream one { server %ORIGIN%; }
    upstream mixed.Case { server %ORIGIN%; keepalive 2; }
    upstream two { server %ORIGIN2%; }
    map $arg_up $chosen { default one; two two; none nosuch; addr %ORIGIN2%; }
CONF

sub at ($text, @requests) {
    my %option = ref $requests[-1] eq 'HASH' && $requests[-1]{option} ? %{ pop(@requests)->{option} } : ();
    differential_ok("$upstreams server { listen %PORT%; server_name site.example; $text }", \@requests,
                    hop => 1, order => 1, allow_log => [qr/./], %option,
                    origin => sub ($origin) { $origin->answer('*', body => 'an answer') });
}
sub gets (@uris) { return map { "GET $_" } @uris }

no warnings 'qw';
my @some = qw(/ /a /a/b?c=d /a%20b /a%2Fb?x=%2F /a//b /a/../b /%41 /caf%C3%A9 /a%3Fb?q /a? /?x);
my @under = map { "/in$_" } @some, '', 'side', '/%2e%2e/in/x', '/a%23b?c#d', '/a+b', '/"<>|^`{}', "/a'b", '/a%0ab', '/a%25b';
my @few = map { "/in$_" } qw(/a/b?c=d /a%20b/ side //x /%3F?%3f);
my $no_path = { '*: origin' => sub ($nginx, $weir) {
    'RFC 9112, 3.2.1: a target begins with a slash' if $nginx->{origin}[0] =~ s{\A(\S+) \?}{$1 /?}r eq $weir->{origin}[0] } };

# The URI part
at("location / { proxy_pass http://%ORIGIN%; }", gets(@some));
at("location / { proxy_pass http://%ORIGIN%/; }", gets(@some));
at("location /in { proxy_pass http://%ORIGIN%; }", gets(@under));
at("location /in { proxy_pass http://%ORIGIN%/; }", gets(@under));
at("location /in/ { proxy_pass http://%ORIGIN%/; }", gets(@under));
at("location /in/ { proxy_pass http://%ORIGIN%/out; }", gets(@under));
at("location /in/ { proxy_pass http://%ORIGIN%/out/; }", gets(@under));
at("location /in/ { proxy_pass http://%ORIGIN%/out/?a=b; }", gets(@under));
at("location /in/ { proxy_pass http://%ORIGIN%?a=b; }", gets(@few), { option => { allow => $no_path } });
at("location /in { proxy_pass http://%ORIGIN%/a%20b/; }", gets(@under));
at("location = /in { proxy_pass http://%ORIGIN%/exact; }", gets(qw(/in /in?a /in/ /%69n /in%20)));
at("location ^~ /in { proxy_pass http://%ORIGIN%/only/; }", gets(@under));
at('location ~ ^/in { proxy_pass http://%ORIGIN%; }', gets(@under));
at('location ~* ^/IN(?<rest>.*) { proxy_pass http://%ORIGIN%$rest; }', gets(@under));
at('location "/in{1}/" { proxy_pass http://%ORIGIN%/x/; }', gets(qw(/in{1}/ /in%7B1%7D/y)));
at('location /in%20x/ { proxy_pass http://%ORIGIN%/; }', gets(qw(/in%20x/a /in%2520x/a)));
at('location "/in x/" { proxy_pass http://%ORIGIN%/; }', gets(qw(/in%20x/a%20b /in%2520x/a)));
at('merge_slashes off; location /in/ { proxy_pass http://%ORIGIN%/; }', gets(qw(/in//a /in/a//b /in//)));

# Variables
at('location ~ ^/in/(.*)$ { proxy_pass http://%ORIGIN%/was/$1; }', gets(@few));
at('location ~ ^/in/(.*)$ { proxy_pass http://%ORIGIN%/was/$1$is_args$args; }', gets(@few));
at('location / { proxy_pass http://%ORIGIN%$uri; }', gets(@some));
at('location / { proxy_pass http://%ORIGIN%$uri$is_args$args; }', gets(@some));
at('location / { proxy_pass http://%ORIGIN%$request_uri; }', gets(@some));
at('location / { proxy_pass http://%ORIGIN%/x$arg_none; }', gets(@some));
at('location / { proxy_pass http://%ORIGIN%$arg_none; }', gets(@some));
at('location / { proxy_pass http://$chosen; }', gets(qw(/a /a?up=two /b%20c?up=two&x=y /x?up=addr)));
at('location /in/ { proxy_pass http://$chosen/sub/; }', gets(qw(/in/a /in/a?up=two /in/b%20c?up=addr)));
at('set $to http://one; location / { proxy_pass $to; }', gets(qw(/a /a?up=two)));
at('set $to one; location / { set $to two; proxy_pass http://$to$request_uri; }', gets(qw(/a /a?up=two)));
at('location / { proxy_pass $scheme://one; }', gets('/a'));
at('location / { proxy_pass $arg_to; }', gets(qw(/a?to=x /a?to=http:// /a?to= /a?to=ftp://127.0.0.1/ /a?to=http://one/x /a?to=http://one?x),
                                              '/a?to=http://one:81', '/a?to=http://[::1', '/a?to=http://127.0.0.1:0/', '/a?to=http://127.0.0.1:99999/'));

# Named upstreams, sockets, the Host that goes with them
at('location / { proxy_pass http://one; } location /in/ { proxy_pass http://one/x; }', gets('/a', '/in/b'));
at('location / { proxy_pass http://mixed.Case; }', gets('/a'));
at('location / { proxy_pass HTTP://one; }', gets('/a'));
at('location / { proxy_pass http://%ORIGIN_UNIX%; } location /in/ { proxy_pass http://%ORIGIN_UNIX%:/x/; }', gets('/a%20b', '/in/b', '/in/b%20c?d'));
at('location / { proxy_pass http://%ORIGIN_UNIX%:$request_uri; }', gets('/a%20b', '/in/b?d'));
at('location / { proxy_set_header Host $proxy_host:$proxy_port; proxy_pass http://one/x/; }', gets('/a'));
at('location / { proxy_set_header X "$proxy_host $proxy_port $proxy_add_x_forwarded_for"; proxy_pass http://%ORIGIN%; }',
   'GET /a', ['GET /b', 'X-Forwarded-For' => '192.0.2.1'], ['GET /b', 'X-Forwarded-For' => '']);

done_testing;
