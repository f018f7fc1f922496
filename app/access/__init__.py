"""Authorization: roles, permissions, grants, visibility and row-level security.

domain: principals, roles, permissions, visibility
roles: the permissions of each role
row_security: database role and parameters of a principal's transaction
service: principals and grants; other rooms write grants through it
tables: tables of principals and grants
visibility: SQL conditions of visible assets
"""
