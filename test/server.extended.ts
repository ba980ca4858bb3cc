// The combinations that server.test.ts leaves out.
import './server.test.ts'
