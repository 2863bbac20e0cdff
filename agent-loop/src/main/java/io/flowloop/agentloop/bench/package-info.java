/** How fast this build is on this machine, and what others need to measure themselves against. */
@NullMarked
package io.flowloop.agentloop.bench;

import org.jspecify.annotations.NullMarked;
