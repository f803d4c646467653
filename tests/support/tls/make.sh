#!/bin/sh
# Makes the certificates of the tests anew, valid for a hundred years. The keys of the authorities
# are thrown away.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
names="DNS:localhost,DNS:example.test,DNS:*.example.test,IP:127.0.0.1,IP:::1"

key() {
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"
}

# sign NAME AUTHORITY LAST_DAY [OPTION]: the certificate of $work/NAME.csr and $work/NAME.ext
sign() {
  cat > "$work/ca.cnf" << END
[ca]
default_ca=own
[own]
database=$work/$2.txt
new_certs_dir=$work
rand_serial=yes
default_md=sha256
policy=any
[any]
commonName=supplied
END
  openssl ca -batch -notext -config "$work/ca.cnf" ${4-} -cert "$2.pem" -keyfile "$work/$2.key" \
    -in "$work/$1.csr" -extfile "$work/$1.ext" -startdate 20250101000000Z -enddate "$3" -out "$1.pem"
}

# authority NAME SUBJECT
authority() {
  key "$work/$1.key"
  openssl req -new -key "$work/$1.key" -subj "/CN=$2" -out "$work/$1.csr"
  cat > "$work/$1.ext" << END
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
END
  : > "$work/$1.txt"
  sign "$1" "$1" 21250101000000Z -selfsign
}

# issue NAME AUTHORITY SUBJECT NAMES USAGE LAST_DAY
issue() {
  key "$1.key"
  openssl req -new -key "$1.key" -subj "/CN=$3" -out "$work/$1.csr"
  cat > "$work/$1.ext" << END
basicConstraints=CA:FALSE
keyUsage=digitalSignature
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
extendedKeyUsage=$5
subjectAltName=$4
END
  sign "$1" "$2" "$6"
}

authority ca "voicegw test authority"
authority foreign_ca "voicegw foreign authority"
issue server ca "voicegw test server" "$names" serverAuth 21250101000000Z
issue renewed ca "voicegw test server, renewed" "$names" serverAuth 21250101000000Z
issue other_name ca "voicegw other name" "DNS:other.test" serverAuth 21250101000000Z
issue expired ca "voicegw expired" "$names" serverAuth,clientAuth 20250102000000Z
issue client ca "voicegw test client" "DNS:client.example.test" clientAuth 21250101000000Z
issue foreign foreign_ca "voicegw foreign" "$names" serverAuth,clientAuth 21250101000000Z
