package parse

// For a child that tries what it must not.
var Confine = confine

// Greeting is what a child writes first.
const Greeting = greeting
