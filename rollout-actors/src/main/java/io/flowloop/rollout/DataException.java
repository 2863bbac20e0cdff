package io.flowloop.rollout;

/** A blob could not be published, moved or read; the message says what to do. */
public final class DataException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /** What it was that went wrong, for those who decide whether to ask again. */
  public enum Reason {
    /** The server has no blob of that id: never published there, or released. */
    UNKNOWN,
    /** Connections broke, or could not be made, as often as is tried. */
    BROKEN,
    /** The bytes are not what was published or are no such blob. */
    MALFORMED,
    /** More bytes than the receiver takes or the server holds. */
    TOO_LARGE,
    /** The deadline of the pull has passed. */
    EXPIRED,
    /** The server or the client is closed. */
    CLOSED
  }

  private final Reason reason;

  DataException(Reason reason, String message) {
    super(message);
    this.reason = reason;
  }

  DataException(Reason reason, String message, Throwable cause) {
    super(message, cause);
    this.reason = reason;
  }

  public Reason reason() {
    return reason;
  }
}
