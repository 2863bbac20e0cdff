package io.flowloop.agentloop.track;

/** Text in HTML. */
final class Html {

  private Html() {}

  /** The text where markup has a meaning, between tags and in quoted attributes. */
  static String escape(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;")
        .replace("'", "&#39;");
  }
}
