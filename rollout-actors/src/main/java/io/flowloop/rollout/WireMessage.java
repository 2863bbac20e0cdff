package io.flowloop.rollout;

/**
 * A message that nodes of a cluster may send each other: {@link KryoSerializer} writes it, and
 * {@link WireTable} lists its class. Between actors of one JVM it stays an ordinary object.
 */
public interface WireMessage {}
