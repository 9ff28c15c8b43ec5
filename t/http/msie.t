# t/http/msie.t - what is made for browsers of old: padding, and pages in place of redirects
use Site;
use Differential;

my $conf = <<'CONF';
    msie_refresh on;
    server { listen %PORT%; 
      location /301 { return 301 /x?a=1&b="2"; } location /302 { return 302 http://e.com/a/b; } location /303 { return 303 /x; } location /307 { return 307 /x; }
      location /rw { rewrite ^ http://e.com/q?x=<y>&z permanent; }
      location /off { msie_refresh off; return 302 /x; }
      location /head { add_header X-A b; expires 1h; return 302 /x; }
      location /err { error_page 404 =302 http://e.com/a?b&c; return 404; }
      location /err2 { error_page 404 =301 /there; return 404; }
      location /err3 { error_page 404 http://e.com/; return 404; }
      location /p { proxy_pass http://%ORIGIN%; }
      location /nopad/ { msie_padding off; return 404; }
      location /pad/ { return 404; }
      location /pad301/ { return 410; }
      location /dir { root %DIR%/html; }
      location /slash/ { proxy_pass http://%ORIGIN%; }
    }
CONF
my @ua = ('Mozilla/4.0 (compatible; MSIE 8.0; Windows)', 'Mozilla/4.0 (compatible; MSIE 8.0; Opera)', 'Mozilla/5.0 (X) AppleWebKit Chrome/99.0', 'Mozilla/5.0 Gecko/20 Chrome/99 MSIE', 'curl', 'Mozilla/5.0 Gecko/20 Chrome/99', 'Chrome/1 Opera', 'MSIE 6');
my @r = map { my $u = $_; map { (["GET $_", 'User-Agent' => $u], ["HEAD $_", 'User-Agent' => $u], {what => "GET $_", version => '1.0', fields => ['User-Agent' => $u]}) } qw(/301 /302 /303 /307 /rw /off /head /err /err2 /err3 /p /nopad/ /pad/ /pad301/ /dir /slash) } @ua;
differential_ok($conf, \@r, files => {'html/dir/index.html' => 'x'}, origin => sub ($o) { $o->answer('/p', status => 302, headers => [Location => '/foo', 'Content-Type' => 'text/html'], body => 'x'); });
done_testing;
