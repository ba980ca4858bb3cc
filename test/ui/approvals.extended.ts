// The tests that approvals.test.ts leaves out.
import './approvals.test.ts'
