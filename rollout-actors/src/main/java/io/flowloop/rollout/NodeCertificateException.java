package io.flowloop.rollout;

/** A file of a node's certificates cannot be used; the message says which and what to do. */
public final class NodeCertificateException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  NodeCertificateException(String message) {
    super(message);
  }

  NodeCertificateException(String message, Throwable cause) {
    super(message, cause);
  }
}
