package io.flowloop.rollout;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/** Text in blobs: UTF-8 that is refused, not repaired, where it is none. */
final class BlobNames {

  static String decode(byte[] bytes) {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException("name: no UTF-8 (expected: UTF-8)", e);
    }
  }

  private BlobNames() {}
}
