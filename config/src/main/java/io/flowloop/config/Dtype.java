package io.flowloop.config;

/** The numbers that the dense layers of a network compute with. */
public enum Dtype {
  /** IEEE single precision. */
  FLOAT32,
  /** Eight bits of mantissa, float32's range; sums are kept in float32. */
  BFLOAT16
}
