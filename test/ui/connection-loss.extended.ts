// The tests that connection-loss.test.ts leaves out.
import './connection-loss.test.ts'
