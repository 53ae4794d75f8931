// Package admin keeps the operators' accounts and checks their credentials.
//
// One root actor that lives as long as the process. It holds all operators in memory, read before the service serves,
// and is the one writer of their rows; after a commit whose outcome is unknown it reads them again. Passwords are hashed
// and compared outside the mailbox, one for every two cores at a time, for bcrypt is slow on purpose. A pair that was right is
// remembered for some minutes (Known), and forgotten at once when anything about its operator changes. Unknown names
// take as long as wrong passwords, and whoever is wrong again and again has to wait. It panics on nothing.
package admin
