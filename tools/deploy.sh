#!/bin/sh
# Checks what is in deploy/ with the programs and libraries that read it. All of it is
# checked before it fails.
# usage: deploy.sh
#
# Needs Go, promtool, systemd-analyze and nginx: in Debian the packages prometheus, systemd
# and nginx-light, the first and the last of which also bring a service.
set -eu

cd "$(dirname "$0")/.."
go=${GO:-go}
# Where nginx is, which is not on the path of everybody.
PATH=$PATH:/usr/sbin

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

failed=
# check WHAT COMMAND...: runs it, and says what failed.
check() {
	what=$1
	shift
	echo "--- $what"
	"$@" </dev/null || failed="$failed, $what"
}

containers() {
	# Building the libraries takes minutes on a small machine, so it stands back for others.
	nice "$go" test -C tools/deploy -vet=all ./...
}

alerts() {
	promtool check rules deploy/prometheus/hufu.rules.yml &&
		promtool test rules deploy/prometheus/hufu.rules.test.yml &&
		commented_alerts
}

# What is there to be uncommented is right when it is.
commented_alerts() {
	mkdir "$dir/prometheus"
	sed 's/^  # \(- name: \)/  \1/; s/^  #   /    /' deploy/prometheus/hufu.rules.test.yml >"$dir/prometheus/hufu.rules.test.yml"
	sed 's/^      # \(- alert: \)/      \1/; s/^      #   /        /' deploy/prometheus/hufu.rules.yml >"$dir/prometheus/hufu.rules.yml"
	grep -q '^      - alert: HufuServersMissing' "$dir/prometheus/hufu.rules.yml" &&
		promtool test rules "$dir/prometheus/hufu.rules.test.yml"
}

# The unit names a program that need not be installed here.
unit() {
	sed "s|^ExecStart=/usr/local/bin/hufu |ExecStart=$(command -v true) |" deploy/systemd/hufu.service >"$dir/hufu.service"
	systemd-analyze verify --man=no "$dir/hufu.service"
}

# nginx_takes UPSTREAM: the samples with this upstream, and a certificate that is made up.
nginx_takes() {
	rm -rf "$dir/nginx"
	mkdir -p "$dir/nginx/conf.d"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=hufu.example.internal \
		-keyout "$dir/nginx/hufu.key" -out "$dir/nginx/hufu.crt" 2>/dev/null
	cp "$1" "$dir/nginx/conf.d/upstream.conf"
	cp "$dir/nginx/hufu.key" "$dir/nginx/login.key"
	cp "$dir/nginx/hufu.crt" "$dir/nginx/login.crt"
	for conf in hufu login; do
		sed "s|/etc/nginx/|$dir/nginx/|; s|/var/log/nginx/|$dir/nginx/|" deploy/nginx/$conf.conf >"$dir/nginx/conf.d/$conf.conf"
	done
	cat >"$dir/nginx/nginx.conf" <<-END
		pid $dir/nginx/nginx.pid;
		error_log stderr;
		events {}
		http {
			client_body_temp_path $dir/nginx/body;
			proxy_temp_path $dir/nginx/proxy;
			fastcgi_temp_path $dir/nginx/fastcgi;
			uwsgi_temp_path $dir/nginx/uwsgi;
			scgi_temp_path $dir/nginx/scgi;
			include $dir/nginx/conf.d/*.conf;
		}
	END
	nginx -t -q -c "$dir/nginx/nginx.conf"
}

proxies() {
	sed 's/^    #   server/    server/' deploy/nginx/upstream.conf >"$dir/fleet.conf"
	# Debian's nginx is older than 1.27.3, which resolves names while it runs, and there is
	# nobody here who knows these names: what is left out is not checked.
	sed '/^    resolver /d; s/ hufu-\([0-9]\):8080 resolve / 127.0.0.\1:8080 /' deploy/compose/nginx-upstream.conf >"$dir/compose.conf"
	nginx_takes deploy/nginx/upstream.conf && nginx_takes "$dir/fleet.conf" && nginx_takes "$dir/compose.conf"
}

check 'the image, compose files and chart' containers
check 'alert rules' alerts
check 'systemd unit' unit
check 'nginx' proxies

if [ -n "$failed" ]; then
	echo "deploy: failed: ${failed#, }" >&2
	exit 1
fi
echo "deploy: everything in deploy/ is as the programs want it that read it"
