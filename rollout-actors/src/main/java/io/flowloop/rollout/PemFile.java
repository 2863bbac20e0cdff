package io.flowloop.rollout;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** One PEM file of a certificates folder. Its messages never hold what a file of a key holds. */
record PemFile(Path path) {

  private static final Pattern KEY =
      Pattern.compile("-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\\s]+)-----END PRIVATE KEY-----");

  List<X509Certificate> certificates() {
    try {
      List<X509Certificate> certificates =
          CertificateFactory.getInstance("X.509")
              .generateCertificates(new ByteArrayInputStream(bytes()))
              .stream()
              .map(X509Certificate.class::cast)
              .toList();
      if (!certificates.isEmpty()) {
        return certificates;
      }
    } catch (GeneralSecurityException e) {
      throw wrong("no certificates (expected: PEM, BEGIN CERTIFICATE)", e);
    }
    throw wrong("no certificate (expected: PEM, BEGIN CERTIFICATE)");
  }

  /** The key, which is of the kind of {@code of}. */
  PrivateKey privateKey(X509Certificate of) {
    Matcher matcher = KEY.matcher(new String(bytes(), StandardCharsets.ISO_8859_1));
    if (!matcher.find()) {
      throw wrong(
          "no key (expected: unencrypted PKCS#8 in PEM, BEGIN PRIVATE KEY;"
              + " openssl pkcs8 -topk8 -nocrypt makes it of others)");
    }
    String algorithm = of.getPublicKey().getAlgorithm();
    try {
      return KeyFactory.getInstance(algorithm)
          .generatePrivate(
              new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(matcher.group(1))));
    } catch (GeneralSecurityException | IllegalArgumentException e) {
      // The cause may quote the key.
      throw wrong("no key of " + algorithm + " (expected: the kind of tls.crt, EC or RSA)");
    }
  }

  private byte[] bytes() {
    try {
      return Files.readAllBytes(path);
    } catch (IOException e) {
      throw wrong(
          "cannot be read (expected: a PEM file; flowloop certs makes a folder of them)", e);
    }
  }

  NodeCertificateException wrong(String what) {
    return new NodeCertificateException(path + ": " + what);
  }

  NodeCertificateException wrong(String what, Throwable cause) {
    return new NodeCertificateException(path + ": " + what, cause);
  }
}
